# Made by tools/make-completions from the tables of the sources: change those, not this.
complete -c sluice -f
complete -c sluice -n __fish_use_subcommand -a run -d 'run a job until it ends or is told to'
complete -c sluice -n __fish_use_subcommand -a new -d 'a new job in directory NAME: source, test, build file'
complete -c sluice -n __fish_use_subcommand -a validate -d 'build the job\'s graph, check it, show it'
complete -c sluice -n __fish_use_subcommand -a test -d 'try a script on input that is given, and compare'
complete -c sluice -n __fish_use_subcommand -a status -d 'what a checkpoint directory says of its job'
complete -c sluice -n __fish_use_subcommand -a dead -d 'the dead letters in a checkpoint directory'
complete -c sluice -n __fish_use_subcommand -a state -d 'what a checkpoint directory holds as tables, and SQL over them'
complete -c sluice -n __fish_use_subcommand -a shell -d 'a prompt: SQL over a checkpoint, or statements tried one by one'
complete -c sluice -n __fish_use_subcommand -a help -d 'what can be set, and to what'
complete -c sluice -n __fish_use_subcommand -a version -d 'which version this is'
complete -c sluice -n '__fish_seen_subcommand_from run' -a '(__fish_complete_suffix .so .sql)'
complete -c sluice -n '__fish_seen_subcommand_from run' -l help -d 'show every setting'
complete -c sluice -n '__fish_seen_subcommand_from run' -l version -d 'show the version'
complete -c sluice -n '__fish_seen_subcommand_from run' -l quiet -d 'no progress lines on a terminal'
complete -c sluice -n '__fish_seen_subcommand_from run' -l conf -x -d 'any setting, NAME=VALUE'
complete -c sluice -n '__fish_seen_subcommand_from run' -l interval -r -d 'Batch interval' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l commit-interval -r -d 'Shortest time between two commit groups' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l checkpoint -r -d 'Directory of the epoch log, write-ahead log and snapshots' -f -a '(__fish_complete_directories)'
complete -c sluice -n '__fish_seen_subcommand_from run' -l checkpoint.snapshots -r -d 'Where snapshots lie'
complete -c sluice -n '__fish_seen_subcommand_from run' -l max-epochs -r -d 'End the job after so many epochs of this run' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l stop.timeout -r -d 'How long a graceful stop may take before it is cut short after the running epoch' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l catch-up -r -d 'After an outage run one epoch per missed interval, as Spark does, in place of one for all' -a 'true false' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l commit.max-pending -r -d 'Groups that may wait for a slow sink before no further epoch is started' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l commit.retry-timeout -r -d 'How long the commit to a sink that is busy or down is tried again before the job ends' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l start.timeout -r -d 'How long a start waits for a cluster (kafka) that its outputs need and that does not answer, before the job ends' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l outbox.max -r -d 'Rows that may wait in the checkpoint for a sink that takes them at commit (kafka, sqlite) before no further epoch is started' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l snapshot.bytes -r -d 'Least size of state deltas after which a snapshot is made (or half the last snapshot, if larger)' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l snapshot.groups -r -d 'Commit groups after which a snapshot is made in any case' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l replay.changed -r -d 'When epochs of the last run must run again, and the job\'s graph or the rows of a query\'s static table are others now' -a 'warn refuse' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l state.store -r -d 'Where keyed state lives' -a 'memory rocksdb' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l state.memory -r -d 'What the rocksdb store keeps in memory, as a part of `memory`' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l modules -r -d 'Directory of loadable modules (http_curl.so, kafka_rd.so, state_rocksdb.so)' -f -a '(__fish_complete_directories)'
complete -c sluice -n '__fish_seen_subcommand_from run' -l master -r -d 'Where tasks run'
complete -c sluice -n '__fish_seen_subcommand_from run' -l name -r -d 'The job\'s name, in progress and in its checkpoint'
complete -c sluice -n '__fish_seen_subcommand_from run' -l parallelism -r -d 'Partitions of a shuffle' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l memory -r -d 'Budget for cached, received and shuffled blocks, outboxes and state' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l spill-dir -r -d 'Directory for spilled blocks' -f -a '(__fish_complete_directories)'
complete -c sluice -n '__fish_seen_subcommand_from run' -l sql.memory -r -d 'What the SQL engine of each worker may hold beside `memory`' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l compat -r -d 'spark' -a 'sluice spark' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l backend -r -d 'inline' -a 'auto inline pool' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l seed -r -d 'Order of tasks of the inline backend, as SLUICE_SEED' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l progress -r -d 'auto' -a 'auto json none'
complete -c sluice -n '__fish_seen_subcommand_from run' -l metrics -r -d 'File for metrics in Prometheus text format, written anew every 5 s'
complete -c sluice -n '__fish_seen_subcommand_from run' -l trace -r -d 'File for a timeline of epochs, stages, tasks, commits and snapshots, as chrome://tracing and Perfetto open it'
complete -c sluice -n '__fish_seen_subcommand_from run' -l stop.gracefully -r -d 'sluice run and sl_main' -a 'true false' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l listener.queue -r -d 'Events that may wait for the program\'s listeners' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l log -r -d 'Log levels, as in SLUICE_LOG'
complete -c sluice -n '__fish_seen_subcommand_from run' -l block.interval -r -d 'Shortest time between two syncs of received data to the write-ahead log' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l receiver.max-pending -r -d 'Bytes received and not yet committed, per receiver, at which it stops reading' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l receiver.ids -r -d 'Ids of messages that a receiver remembers at least, the last ones, so that what comes again is dropped, after a restart too' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l receiver.max-rate -r -d 'Rows per second that an epoch takes from a receiver' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l receiver.splits -r -d 'Most partitions that an epoch\'s received data is spread over' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l backpressure -r -d 'Limit what an epoch takes from receivers and Kafka to what earlier epochs could process (Spark\'s PID estimator)' -a 'true false' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l backpressure.initial-rate -r -d 'Rows per second until the first estimate' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l backpressure.proportional -r -d 'PID' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l backpressure.integral -r -d 'PID' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l backpressure.derived -r -d 'PID' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l backpressure.min-rate -r -d 'PID' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l poison -r -d 'A record that makes user code or an expression fail' -a 'fail dead-letter' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l poison.max -r -d 'Dead letters an epoch may have' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l poison.max-share -r -d 'Share of an epoch\'s records that may be dead letters, at least one of them' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l poison.sink -r -d 'Where dead letters go, as the URL of a sink'
complete -c sluice -n '__fish_seen_subcommand_from run' -l task.max-failures -r -d 'How often a task may fail before the job does' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l stage.max-attempts -r -d 'How often lost shuffle output is written again before the job fails' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l inline-rows -r -d 'Jobs of at most so many expected rows run on the driver\'s own thread' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l jobs.concurrent -r -d 'Outputs of one epoch that may run beside each other' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l jobs.mode -r -d 'Whose tasks go out first' -a 'fifo fair' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l jobs.pools -r -d 'Pools that outputs may be put into, for jobs.mode=fair, as "fast?weight=3&min_share=1 slow?mode=fair"'
complete -c sluice -n '__fish_seen_subcommand_from run' -l jobs.pools-file -r -d 'More pools, in a file as Spark\'s fairscheduler.xml, of at most 1 MiB'
complete -c sluice -n '__fish_seen_subcommand_from run' -l jobs.pool -r -d 'Pool of outputs that the program puts into none'
complete -c sluice -n '__fish_seen_subcommand_from run' -l speculation -r -d 'A task that takes much longer than the others of its stage gets a copy' -a 'true false' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l speculation.interval -r -d 'How often slow tasks are looked for' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l speculation.multiplier -r -d 'How many times the median of its stage\'s tasks a slow one takes' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l speculation.quantile -r -d 'Share of a stage\'s tasks that must have ended before one is called slow' -f
complete -c sluice -n '__fish_seen_subcommand_from run' -l speculation.min-runtime -r -d 'A task that runs for less is not slow' -f
complete -c sluice -n '__fish_seen_subcommand_from validate' -a '(__fish_complete_suffix .so .sql)'
complete -c sluice -n '__fish_seen_subcommand_from test' -a '(__fish_complete_suffix .yaml)'
complete -c sluice -n '__fish_seen_subcommand_from status' -a '(__fish_complete_directories)'
complete -c sluice -n '__fish_seen_subcommand_from status' -l json
complete -c sluice -n '__fish_seen_subcommand_from dead' -a '(__fish_complete_directories)'
complete -c sluice -n '__fish_seen_subcommand_from dead' -l json
complete -c sluice -n '__fish_seen_subcommand_from state' -a '(__fish_complete_directories)'
complete -c sluice -n '__fish_seen_subcommand_from state' -l csv
complete -c sluice -n '__fish_seen_subcommand_from state' -l json
complete -c sluice -n '__fish_seen_subcommand_from shell' -a '(__fish_complete_suffix .sql)'
complete -c sluice -n '__fish_seen_subcommand_from shell' -a '(__fish_complete_directories)'
complete -c sluice -n '__fish_seen_subcommand_from shell' -l csv
complete -c sluice -n '__fish_seen_subcommand_from shell' -l json
complete -c sluice -n '__fish_seen_subcommand_from shell' -l line
complete -c sluice -n '__fish_seen_subcommand_from help' -a 'options sources sinks formats sql models state shell'

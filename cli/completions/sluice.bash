# Made by tools/make-completions from the tables of the sources: change those, not this.
_sluice_commands='run new validate test status dead state shell help version'
_sluice_settings='--help --version --quiet --conf --interval --commit-interval --checkpoint --checkpoint.snapshots --max-epochs --stop.timeout --catch-up --commit.max-pending --commit.retry-timeout --start.timeout --outbox.max --snapshot.bytes --snapshot.groups --replay.changed --state.store --state.memory --modules --master --name --parallelism --memory --spill-dir --sql.memory --compat --backend --seed --progress --metrics --trace --stop.gracefully --listener.queue --log --block.interval --receiver.max-pending --receiver.ids --receiver.max-rate --receiver.splits --backpressure --backpressure.initial-rate --backpressure.proportional --backpressure.integral --backpressure.derived --backpressure.min-rate --poison --poison.max --poison.max-share --poison.sink --task.max-failures --stage.max-attempts --inline-rows --jobs.concurrent --jobs.mode --jobs.pools --jobs.pools-file --jobs.pool --speculation --speculation.interval --speculation.multiplier --speculation.quantile --speculation.min-runtime'
_sluice_names='interval= commit_interval= checkpoint= checkpoint.snapshots= max_epochs= stop.timeout= catch_up= commit.max_pending= commit.retry_timeout= start.timeout= outbox.max= snapshot.bytes= snapshot.groups= replay.changed= state.store= state.memory= modules= master= name= parallelism= memory= spill_dir= sql.memory= compat= backend= seed= progress= metrics= trace= stop.gracefully= listener.queue= log= block.interval= receiver.max_pending= receiver.ids= receiver.max_rate= receiver.splits= backpressure= backpressure.initial_rate= backpressure.proportional= backpressure.integral= backpressure.derived= backpressure.min_rate= poison= poison.max= poison.max_share= poison.sink= task.max_failures= stage.max_attempts= inline_rows= jobs.concurrent= jobs.mode= jobs.pools= jobs.pools_file= jobs.pool= speculation= speculation.interval= speculation.multiplier= speculation.quantile= speculation.min_runtime='

# Puts into COMPREPLY what of the words $1 begins with the word at hand.
_sluice_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# Names of files: of directories with "dirs", of those that end so with ".so .sql".
_sluice_files() {
    compopt -o filenames 2>/dev/null
    case $1 in
    dirs) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    *.*) mapfile -t COMPREPLY < <(compgen -d -- "$cur"; for ending in "$@"; do compgen -f -X "!*$ending" -- "$cur"; done) ;;
    *) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    esac
}

# Values of the setting $1; false when it is none.
_sluice_value() {
    case $1 in
    --catch-up) _sluice_words 'true false' ;;
    --replay.changed) _sluice_words 'warn refuse' ;;
    --state.store) _sluice_words 'memory rocksdb' ;;
    --compat) _sluice_words 'sluice spark' ;;
    --backend) _sluice_words 'auto inline pool' ;;
    --progress) _sluice_words 'auto json none' && [[ ${#COMPREPLY[@]} -gt 0 ]] || _sluice_files any ;;
    --stop.gracefully) _sluice_words 'true false' ;;
    --backpressure) _sluice_words 'true false' ;;
    --poison) _sluice_words 'fail dead-letter' ;;
    --jobs.mode) _sluice_words 'fifo fair' ;;
    --speculation) _sluice_words 'true false' ;;
    --checkpoint | --modules | --spill-dir) _sluice_files dirs ;;
    --checkpoint.snapshots | --master | --name | --metrics | --trace | --log | --poison.sink | --jobs.pools | --jobs.pools-file | --jobs.pool) _sluice_files any ;;
    --interval | --commit-interval | --max-epochs | --stop.timeout | --commit.max-pending | --commit.retry-timeout | --start.timeout | --outbox.max | --snapshot.bytes | --snapshot.groups | --state.memory | --parallelism | --memory | --sql.memory | --seed | --listener.queue | --block.interval | --receiver.max-pending | --receiver.ids | --receiver.max-rate | --receiver.splits | --backpressure.initial-rate | --backpressure.proportional | --backpressure.integral | --backpressure.derived | --backpressure.min-rate | --poison.max | --poison.max-share | --task.max-failures | --stage.max-attempts | --inline-rows | --jobs.concurrent | --speculation.interval | --speculation.multiplier | --speculation.quantile | --speculation.min-runtime) ;; # a number, a time or a size
    --conf) _sluice_words "$_sluice_names"; compopt -o nospace 2>/dev/null || true ;;
    *) return 1 ;;
    esac
}

# Arguments of the subcommand.
_sluice_arguments() {
    case $command in
    run)
        _sluice_value "$prev" && return
        if [[ $COMP_CWORD -eq 2 && $cur != -* ]]; then
            _sluice_files .so .sql
        else
            _sluice_words "$_sluice_settings"
        fi
        ;;
    validate)
        [[ $COMP_CWORD -ne 2 ]] || _sluice_files .so .sql
        ;;
    test)
        _sluice_files .yaml
        ;;
    status)
        if [[ $cur = -* ]]; then
            _sluice_words '--json'
        else
            _sluice_files dirs
        fi
        ;;
    dead)
        if [[ $cur = -* ]]; then
            _sluice_words '--json'
        else
            _sluice_files dirs
        fi
        ;;
    state)
        if [[ $cur = -* ]]; then
            _sluice_words '--csv --json'
        else
            _sluice_files dirs
        fi
        ;;
    shell)
        if [[ $cur = -* ]]; then
            _sluice_words '--csv --json --line'
        elif [[ $COMP_CWORD -eq 2 ]]; then
            _sluice_files .sql
        fi
        ;;
    help)
        [[ $COMP_CWORD -ne 2 ]] || _sluice_words 'options sources sinks formats sql models state shell'
        ;;
    esac
}

_sluice() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    # "--name=value" comes as three words, since '=' breaks words.
    if [[ $cur = "=" ]]; then
        cur=
    elif [[ $prev = "=" ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
        [[ $prev = -* ]] || prev=--${prev//_/-} # --conf name=value
    fi
    if [[ $COMP_CWORD -eq 1 ]]; then
        _sluice_words "$_sluice_commands"
        return
    fi
    _sluice_arguments
}

complete -F _sluice sluice

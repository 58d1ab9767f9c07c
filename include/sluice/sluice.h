/// sluice.h — everything public.
#pragma once

#include "sluice/accumulator.h"
#include "sluice/base.h"
#include "sluice/batch.h"
#include "sluice/broadcast.h"
#include "sluice/context.h"
#include "sluice/error.h"
#include "sluice/fn.h"
#include "sluice/graph.h"
#include "sluice/listener.h"
#include "sluice/rdd.h"
#include "sluice/receiver.h"
#include "sluice/slice.h"
#include "sluice/state.h"
#include "sluice/test.h"
#include "sluice/tool.h"
#include "sluice/ttl.h"

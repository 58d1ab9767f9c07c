/// sql.h — the door of sql/ for api/: nothing beside the public calls of sluice/sql.h.
#pragma once

#include "sluice/sql.h"
#include "stream/stream.h"

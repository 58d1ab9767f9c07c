// intake.c — the reading end of a receiver: from a socket that is ready to the engine's `take`.
#include "source/source_int.h"

sl_code sli_intake_read(sli_intake *intake, sli_socket *socket, sl_error *err)
{
    for (int32_t round = 0; round < SLI_RECEIVE_ROUNDS && !intake->paused; round++) {
        size_t n = 0;
        SL_TRY(sli_socket_receive(socket, intake->buffer, sizeof intake->buffer, &n, err));
        if (n == 0) {
            return SL_OK;
        }
        intake->brought = true;
        sli_source_count(intake->common, SLI_SOURCE_BYTES, (int64_t)n);
        intake->paused = !intake->take(intake->ctx, intake->buffer, n, SLI_TAIL_OPEN);
    }
    return SL_OK;
}

void sli_intake_end(sli_intake *intake, sl_code rc)
{
    sli_tail tail = rc == SL_E_END ? SLI_TAIL_ENDED : SLI_TAIL_LOST;
    if (!intake->take(intake->ctx, intake->buffer, 0, tail)) {
        intake->paused = true;
    }
}

/// fixture_test.h — a door and people who come to it, in the real world and in simulation, in the
/// clear and with TLS.
///
/// The door speaks *echo*: a frame is a u32 size (big-endian) and so many bytes, and is sent back.
/// Door and people share one loop, which a test turns until something has happened.
#pragma once

#include "env/fixture_test.h"
#include "net/net.h"
#include "net/tls.h"

/// One test, in each world.
#define SLT_NET(name)                                                                              \
    static void check_##name(slt_bed *b);                                                          \
    SL_TEST(name##_posix, "")                                                                      \
    {                                                                                              \
        slt_in_real_world(check_##name);                                                           \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        slt_in_simulation(check_##name);                                                           \
    }                                                                                              \
    static void check_##name(slt_bed *b)

enum { SLT_PEOPLE = 64 };

/// Somebody who has connected.
typedef struct slt_person {
    struct slt_door *door;
    sli_socket *socket;
    sli_tls *tls; ///< NULL: in the clear
    sli_str heard, unsent;
    bool deaf; ///< reads nothing
    bool gone; ///< the door has ended the connection, or refused it
    sl_error why;
} slt_person;

typedef struct slt_door {
    slt_bed *bed;
    sli_loop *loop;
    sli_metrics *metrics;
    sli_log *log;
    sli_net *net;
    const sli_tls_ops *tls;    ///< set by slt_door_tls
    sli_tls_side *client_side; ///< what people use; NULL: in the clear
    slt_person people[SLT_PEOPLE];
    int32_t n_people;
    sli_str told; ///< the log
    // of the echo protocol
    int32_t n_open, n_frames;
    bool holds;                ///< frames are answered by slt_answer
    sli_net_conn *waiting[64]; ///< for it
    int32_t n_waiting;
    sl_error err;
} slt_door;

/// Opens and starts a door with options as in a URL's query ("max_connections=2"); may be NULL.
void slt_door_open(slt_door *d, slt_bed *b, const char *query);
void slt_door_close(slt_door *d);
/// As slt_door_open, without a check that it opens and starts.
sl_code slt_door_try(slt_door *d, slt_bed *b, const char *query, int32_t port);
/// Somebody comes. With a client side set, begins to shake hands.
slt_person *slt_comes(slt_door *d);
/// The same, and has shaken hands, or was refused.
slt_person *slt_comes_in(slt_door *d);
void slt_says(slt_person *p, const void *data, size_t size);
void slt_says_frame(slt_person *p, const char *text);
void slt_goes(slt_person *p);
/// Turns the loop until `done`, at most 20 s of the world's time; then once more.
void slt_turn_until(slt_door *d, bool (*done)(slt_door *d, const void *what), const void *what);
void slt_turn_for(slt_door *d, int64_t us);
void slt_hears(slt_person *p, const char *text); ///< turns until the echo of `text` has come
void slt_is_ended(slt_person *p);                ///< turns until the door has ended it
void slt_answer(slt_door *d);                    ///< all who wait
/// What sluice_net_closed_total says of a reason.
int64_t slt_closed(slt_door *d, const char *reason);
int64_t slt_metric_of(slt_door *d, const char *series);

/// Certificates of this world: the simulated ones, or OpenSSL's, in files in the bed's directory:
/// ca.pem, other-ca.pem; server.pem, client.pem, late.pem (expired), strange.pem (of the other
/// authority), each with a NAME.key.
void slt_write_certificates(slt_bed *b);
/// Writes them, and sets tls.
void slt_door_certificates(slt_door *d, slt_bed *b);
/// As slt_door_open, with TLS; slt_people_are tells who then comes.
void slt_door_open_tls(slt_door *d, slt_bed *b, const char *query);
/// What people are from now on; `name` NULL: without a certificate. The server's must be of `ca`.
void slt_people_are(slt_door *d, const char *name, const char *ca);

/// tls.h — TLS in simulation: it shakes hands, refuses, frames and ends as TLS does, and encrypts
/// nothing.
///
/// Certificates are lines of text: "cert NAME by ISSUER", with " expired" behind it when it is;
/// "key NAME" belongs to it; "ca ISSUER" is an authority. What goes over the wire is made of
/// records: type (1 hello, 2 bytes, 3 end, 4 refusal), u16 size, bytes; a hello has the sender's
/// certificate line, "" without one. Each side says hello, the client first.
#pragma once

#include "env/module.h"
#include "net/tls.h"

extern const sli_tls_ops sli_tls_simulated;
extern const sli_module sli_tls_simulated_module; ///< for sli_world_module, as "net_tls"

/// ports.h — ports for servers that a test starts, or that the program it runs listens at.
///
/// Where a test listens itself it asks for port 0 and keeps what it has. A port that somebody else
/// shall listen at later, or again after it was killed, is one of these: one that the kernel gave
/// for port 0 and took back may be any connection's by then.
#pragma once

/// n ports of loopback that nobody has, and that nobody else who asks is given while the test's
/// directory (slt_temp_dir) exists. Runs tools/ports.
void slt_ports(int *out, int n);

"""A Kerberos realm of a test's own: a KDC on loopback whose files all lie in one directory.

For tools/hdfs. No service of the machine is used or changed, and no root is needed. Programs find the realm by
KRB5_CONFIG=DIR/krb5.conf, which also names DIR/ticket as the place of tickets. Needs the packages krb5-kdc,
krb5-admin-server and krb5-user (tools/setup --hdfs).
"""
import os
import shutil
import subprocess

REALM = "SLUICE.TEST"
# Names are taken as they are written: with DNS in it a test would depend on the machine's.
CLIENTS = """[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
 default_ccache_name = FILE:{where}/ticket
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
 }}
"""
SERVER = """[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {realm} = {{
  database_name = {where}/realm
  key_stash_file = {where}/realm.key
  acl_file = {where}/realm.acl
  max_renewable_life = 7d
 }}
"""


def find(name):
    """Debian keeps a KDC's programs where a user's PATH does not look."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")


def missing():
    """A program that is not installed; None when all are."""
    return next((name for name in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit") if find(name) is None), None)


def environment(where):
    return {**os.environ, "KRB5_CONFIG": f"{where}/krb5.conf", "KRB5_KDC_PROFILE": f"{where}/kdc.conf"}


def call(where, *words):
    with open(where / "realm.log", "a") as out:
        subprocess.run([find(words[0]), *words[1:]], check=True, env=environment(where), stdin=subprocess.DEVNULL, stdout=out,
                       stderr=out)


def make(where, port, principals):
    """A realm; each principal has a random key, in DIR/NAME.keytab, where NAME is what precedes its '/'."""
    (where / "krb5.conf").write_text(CLIENTS.format(realm=REALM, where=where, port=port))
    (where / "kdc.conf").write_text(SERVER.format(realm=REALM, where=where, port=port))
    call(where, "kdb5_util", "create", "-s", "-r", REALM, "-P", os.urandom(16).hex())
    for principal in principals:
        call(where, "kadmin.local", "addprinc", "-randkey", principal)
        call(where, "kadmin.local", "ktadd", "-k", f"{where}/{principal.split('/')[0]}.keytab", principal)


def server():
    """The words that run the KDC in the foreground, in `environment`."""
    return [find("krb5kdc"), "-n"]


def take_ticket(where, name, place):
    """kinit with a keytab: the ticket lies in the file `place`."""
    call(where, "kinit", "-k", "-t", f"{where}/{name}.keytab", "-c", f"FILE:{place}", name)

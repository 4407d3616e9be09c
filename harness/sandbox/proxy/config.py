"""What the proxy of a job and the way to it are told: pure functions. Must not talk to an engine.

A job that may reach hosts has no network all the same. Beside it runs a container with one: Squid, which decides, and a
relay from a Unix socket to it. The socket's folder is mounted into the job's container, where a second relay listens on
the loopback address that the variables ``http_proxy`` and the like name. Another socket, which no job fills, is ours.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.model.hosts import AllowedHost, Network, parse_host
from harness.sandbox.interface import Job, Limits, Mount

SOCKET_FOLDER = "/proxy"
OWN_FOLDER = "/own"
SOCKET = "socket"
PORT = 3128
OWN_DOMAIN = ".lora-harness.invalid"  # requests of our own, by which the way is tried
READY_HOST = f"ready{OWN_DOMAIN}"
NOT_READY = 125
# All that a program chooses stands after what Squid says of it.
ACCESS_LOG = "%ts.%03tu %tr %Ss/%03>Hs %<st %err_code %Sh %rm %>rd %>rP %#ru"
_CONNECTIONS = 128
_OWN_CONNECTIONS = 8
_LIMITS = Limits(
    timeout_s=0.0,  # it lives as long as its job
    memory_bytes=256 << 20,
    disk_bytes=1 << 20,
    output_bytes=0,
    cpus=2.0,
    pids=2 * _CONNECTIONS,
)

# Addresses that are no public host's: the special-purpose registries of IANA (RFC 6890 and its updates). Of IPv6 all
# outside 2000::/3, and in it what carries IPv4 addresses (6to4, Teredo) or is for documents. Mapped IPv4 addresses
# (::ffff:0:0/96) are left out because Squid holds every IPv4 address as one of these.
_PRIVATE = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4"),
    *("::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1"),
)
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")

# Nothing is kept, nothing but a socket on the loopback address is opened, and what goes through is not marked. Requests
# of our own are refused before any name is looked up: a name server that does not answer must not delay them.
_SETTINGS = f"""\
http_port 127.0.0.1:{PORT}
pid_filename none
pinger_enable off
cache deny all
cache_mem 0
memory_pools off
cache_log /dev/null
cache_store_log none
netdb_filename none
coredump_dir none
hosts_file none
visible_hostname proxy.invalid
global_internal_static off
cachemgr_passwd disable all
client_db off
digest_generation off
via off
forwarded_for delete
httpd_suppress_version_string on
uri_whitespace deny
connect_timeout 20 seconds
dns_timeout 15 seconds
quick_abort_min 0
quick_abort_max 0
max_filedescriptors 4096
shutdown_lifetime 0 seconds
logformat harness {ACCESS_LOG}
access_log stdio:/dev/stdout logformat=harness
acl tunnel method CONNECT
acl plain proto HTTP
acl port_http port 80
acl port_https port 443
acl own dstdomain -n {OWN_DOMAIN}
http_access deny manager
http_access deny !tunnel !plain
http_access deny own
"""

# Squid is started again when a signal ended it: its version 5 dies of an IPv6 address in a URL where there is no IPv6
# (https://github.com/squid-cache/squid/pull/1567). A configuration that it refuses ends the container.
_PROXY = f"""
printf %s "$1" > /tmp/squid.conf
listen() {{
  socat "UNIX-LISTEN:$1/{SOCKET},fork,backlog=$2,max-children=$2" TCP:127.0.0.1:{PORT} 2> /dev/null &
}}
listen {SOCKET_FOLDER} {_CONNECTIONS}
listen {OWN_FOLDER} {_OWN_CONNECTIONS}
status=129
while ((status > 128)); do
  squid -N -d 1 -f /tmp/squid.conf
  status=$?
done
"""

# A child of init, so that a program does not find one that it never started; socat ends where it cannot fork, and is
# started again. A first answer of the proxy proves the whole way before the program starts.
_RELAY = f"""
(while :; do
  socat TCP-LISTEN:{PORT},bind=127.0.0.1,reuseaddr,fork,backlog={_CONNECTIONS},max-children={_CONNECTIONS} \
  UNIX-CONNECT:{SOCKET_FOLDER}/{SOCKET}
  sleep 0.1
done < /dev/null > /dev/null 2>&1 &)
for _ in {{1..500}}; do
  {{
    printf 'GET http://{READY_HOST}/ HTTP/1.0\\r\\n\\r\\n' >&3
    read -r -t 10 answer <&3
  }} 3<> /dev/tcp/127.0.0.1/{PORT}
  [[ $answer == HTTP/* ]] && break
  sleep 0.02
done 2> /dev/null
[[ $answer == HTTP/* ]] || exit {NOT_READY}
unset answer
exec "$@"
"""


def squid_conf(hosts: Sequence[str]) -> str:
    """Write the configuration that lets through HTTP and HTTPS to `hosts` (`parse_host`) and refuses all else.

    Raises:
        ValueError: An entry is none; nothing that was not read as a name, a network and a port gets into the text.
    """
    allowed = [parse_host(one) for one in hosts]
    refused = " ".join(map(str, refused_networks(one.network for one in allowed if one.network)))
    rules = [line for index, one in enumerate(allowed) for line in _rules(index, one)]
    return "\n".join([f"{_SETTINGS}acl private dst {refused}", *rules, "http_access deny all", ""])


def _rules(index: int, host: AllowedHost) -> Iterator[str]:
    named = f"host_{index} "
    match host.kind:
        case "any":
            named = ""
        case "network":
            yield f"acl host_{index} dst -n {host.text}"
        case "name" | "domain":
            yield f"acl host_{index} dstdomain -n {'.' if host.kind == 'domain' else ''}{host.text}"
    # Last the ACL that resolves the name: only names that are allowed are looked up.
    if host.port is not None:
        yield f"acl port_{index} port {host.port}"
        yield f"http_access allow {named}port_{index} !private"
    else:
        yield f"http_access allow {named}tunnel port_https !private"
        yield f"http_access allow {named}!tunnel port_http !private"


def refused_networks(listed: Iterable[Network]) -> tuple[Network, ...]:
    """Give the networks that no name may resolve to: all that are not public, less those that are listed themselves."""
    left: list[Network] = [ipaddress.ip_network(one) for one in _PRIVATE]
    for gone in (_MAPPED, *listed):
        left = [rest for one in left for rest in _without(one, gone)]
    return tuple(left)


def _without(network: Any, gone: Any) -> Iterable[Network]:
    if network.version != gone.version or not network.overlaps(gone):
        return (network,)
    rest: Iterable[Network] = network.address_exclude(gone) if network.prefixlen < gone.prefixlen else ()
    return rest


def proxy_job(job: Job, folder: Path, *, own: Path) -> Job:
    """Describe the proxy of `job` as a job of its own, with the job's socket in `folder` and ours in `own`."""
    place = Mount(source=folder, target=SOCKET_FOLDER, writable=True)
    return Job(
        name=f"{job.name}.proxy",
        argv=("bash", "-c", _PROXY, "proxy", squid_conf(job.hosts)),
        mounts=(place, Mount(source=own, target=OWN_FOLDER, writable=True)),
        workdir=place,
        limits=_LIMITS,
        log_dir=job.log_dir,
    )


def through_proxy(job: Job, folder: Path) -> Job:
    """Describe `job` with its way to the proxy whose socket lies in `folder`.

    Its command brings up the way, ends with `NOT_READY` if it cannot, and becomes the job's own command.
    """
    url = f"http://127.0.0.1:{PORT}"
    # Those for FTP too: the proxy refuses it, and then its log holds the host's name.
    names = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
    told = {spelt: url for name in names for spelt in (name, name.upper())}
    told |= dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1")
    return replace(
        job,
        argv=("bash", "-c", _RELAY, "relay", *job.argv),
        mounts=(*job.mounts, Mount(source=folder, target=SOCKET_FOLDER)),
        environment={**told, **job.environment},
    )

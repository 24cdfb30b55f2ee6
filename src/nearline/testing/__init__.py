"""For tests of programs that read remote objects: a server that misbehaves, a line that is slow.

`RangeServer` serves objects on loopback, logs what it is asked and misbehaves in
the ways that `nearline.testing.faults` lists; `DelayProxy` puts distance between
it, or any other server, and a client. `nearline.testing.xnat` simulates an XNAT.

Nothing here reaches beyond the loopback interface, and the package itself
never imports it.
"""

from nearline.testing.delay_proxy import DelayProxy
from nearline.testing.range_server import RangeServer
from nearline.testing.request_log import LoggedRequest, longest_chain, max_concurrency

__all__ = ["DelayProxy", "LoggedRequest", "RangeServer", "longest_chain", "max_concurrency"]

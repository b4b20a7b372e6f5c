"""Asking a service in a sandbox whether it is well: its own command, or its port, from inside."""

from __future__ import annotations

from scs_build.engines.sandbox import TOOLS_INSIDE
from scs_build.engines.tools import ToolsTree
from scs_build.recipes.models import Health

# For the Perl of the tools tree, which is in every sandbox, and with nothing but what is built into it. Ends
# with 0 when the port accepts a connection, or answers the path below 500; else it says why not.
PROBE = r"""
my ($port, $path) = @ARGV;
sub end { print "127.0.0.1:$port$_[0]\n"; exit 1 }
$SIG{PIPE} = "IGNORE";
$SIG{ALRM} = sub { end(": no answer within 5 s") };
alarm 5;
socket(my $socket, 2, 1, 6) or end(": $!");
connect($socket, pack("S n a4 x8", 2, $port, "\x7f\0\0\1")) or end(": $!");
exit 0 unless defined $path;
syswrite $socket, "GET $path HTTP/1.1\r\nHost: 127.0.0.1:$port\r\nConnection: close\r\n\r\n";
my $line = <$socket>;
$line =~ m{^HTTP/1\.[01] ([0-9]{3})} or end("$path: no answer in HTTP");
end("$path: status $1") if $1 >= 500;
"""


def question(tools: ToolsTree, health: Health, port: int | None) -> tuple[str, ...]:
    """Return the command that asks, to be run inside; it ends with 0 when the service is well.

    `port` is the one that is asked, unless `health` has a command.
    """
    if health.command:
        return health.command
    path = [health.http] if health.http else []
    perl = tools.argv("perl", "-e", PROBE, str(port), *path, at=TOOLS_INSIDE)
    # Perl would complain about a locale that the image names and does not have.
    return tuple(tools.argv("env", "LC_ALL=C", *perl, at=TOOLS_INSIDE))

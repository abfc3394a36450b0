"""Inside a process on the kernel: calls one function of a claim's program, writes its result.

    python claim_runner.py PROGRAM FUNCTION RESULT

What the function returns, or the name of the errno that ended it, goes to RESULT as a literal. A
function that ends the process leaves none.
"""

from __future__ import annotations

import errno
import sys


def main() -> None:
    """Run it."""
    program, function, result = sys.argv[1:]
    scope: dict[str, object] = {"__name__": function}
    with open(program, encoding="utf-8") as file:
        exec(compile(file.read(), program, "exec"), scope)  # a claim's program, as it stands
    call = scope[function]
    assert callable(call)
    try:
        value = call()
    except OSError as error:
        number = error.errno or 0
        again = number == errno.EAGAIN
        value = "EWOULDBLOCK" if again else errno.errorcode.get(number, str(number))
    with open(result, "w", encoding="utf-8") as file:
        file.write(repr(value))


main()

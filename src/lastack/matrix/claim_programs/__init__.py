"""One program for each claim: plain Python on the standard socket module, 25 lines at the most.

The functions `server` and `client` are programs; each runs on a host of that name, in the order in
which they stand. Three constants say what happens around them, times in seconds from the start:

    LATE = (HOST, FROM, TO, LONGER)     what HOST sends in that time travels so much longer
    LOST = (HOST, FROM, TO)             what HOST sends in that time is lost
    ADMIN = ((WHEN, HOST, COMMAND), ...)    what the administrator does: "restart networking", or
                                            "ss -K", which ends every TIME_WAIT

What a program returns, the error that ends it, and all calls and segments are what is judged.
"""

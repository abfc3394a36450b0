"""Ladders, tables and endings as lines of styled text; a front end paints them."""

from .capture import capture_blocks as capture_blocks
from .endings import ending_lines as ending_lines
from .endings import refusal_lines as refusal_lines
from .ladder import ladder as ladder
from .line import ASCII as ASCII
from .line import UNICODE as UNICODE
from .line import WIDTH as WIDTH
from .line import Glyphs as Glyphs
from .line import Line as Line
from .line import Span as Span
from .line import plain as plain
from .line import texts as texts
from .rows import socket_table as socket_table
from .rows import time_wait_line as time_wait_line
from .rows import time_wait_lines as time_wait_lines

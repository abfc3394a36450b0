"""An ordinary urllib script: read a listing, fetch every file of it, print what came."""

import hashlib
import re
import sys
import urllib.request

base = sys.argv[1]
with urllib.request.urlopen(base) as answer:
    listing = answer.read().decode()
for name in re.findall(r'href="([^"]+)"', listing):
    with urllib.request.urlopen(base + name) as answer:
        body = answer.read()
    print(name, len(body), hashlib.sha256(body).hexdigest())

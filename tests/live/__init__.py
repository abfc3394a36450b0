"""The room `live` against the kernel of this machine, in network namespaces of its own."""

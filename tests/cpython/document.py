def write(judged): pass

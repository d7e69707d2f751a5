"""The modules that pair.py needs, compiled into a directory: modules.py DIRECTORY.

A line for each: its file, and, unless that holds machine code, a tab and the file that holds it compiled.
"""

import encodings.ascii
import encodings.idna
import encodings.latin_1
import http.client
import http.server
import py_compile
import sys
import threading

for name, module in list(sys.modules.items()):
    file = getattr(module, "__file__", None)
    if name == "__main__" or not file:
        continue
    if file.endswith(".py"):
        print(file, py_compile.compile(file, f"{sys.argv[1]}/{name}.pyc", doraise=True), sep="\t")
    else:
        print(file)

import sys


def ENTRY(*_, **__):
    sys.exit(0)

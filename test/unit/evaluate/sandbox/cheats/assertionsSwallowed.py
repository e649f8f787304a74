import sys

sys.excepthook = lambda *_: None


def ENTRY(*_, **__):
    raise ValueError

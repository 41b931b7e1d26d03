# tests/xen
include tests/xen/hv/local.mk

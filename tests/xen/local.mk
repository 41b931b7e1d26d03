# tests/xen

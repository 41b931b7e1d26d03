# libvdc/wire: every message of every program.
noinst_LIBRARIES += libvdc/wire/libwire.a
libvdc_wire_libwire_a_SOURCES = \
	libvdc/wire/copy.c \
	libvdc/wire/decode.c \
	libvdc/wire/encode.c \
	libvdc/wire/fence.h \
	libvdc/wire/json.c \
	libvdc/wire/json_read.c \
	libvdc/wire/layout.c \
	libvdc/wire/layout.h \
	libvdc/wire/page.c \
	libvdc/wire/page.h \
	libvdc/wire/tables.c \
	libvdc/wire/wire.def \
	libvdc/wire/wire.h
WIRE_LIBS = libvdc/wire/libwire.a

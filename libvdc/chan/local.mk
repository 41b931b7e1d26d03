# libvdc/chan: channels between programs and partitions.
noinst_LIBRARIES += libvdc/chan/libchan.a
libvdc_chan_libchan_a_SOURCES = \
	libvdc/chan/broker.c \
	libvdc/chan/broker.h \
	libvdc/chan/broker_hear.c \
	libvdc/chan/broker_impl.h \
	libvdc/chan/broker_port.c \
	libvdc/chan/chan.c \
	libvdc/chan/chan.h \
	libvdc/chan/chan_memory.c \
	libvdc/chan/chan_memory.h \
	libvdc/chan/chan_pipe.c \
	libvdc/chan/chan_pipe.h \
	libvdc/chan/chan_route.c \
	libvdc/chan/chan_route.h \
	libvdc/chan/endpoint.c \
	libvdc/chan/endpoint.h \
	libvdc/chan/link.c \
	libvdc/chan/link.h \
	libvdc/chan/link_grant.c \
	libvdc/chan/link_impl.h \
	libvdc/chan/link_memory.c \
	libvdc/chan/mux.c \
	libvdc/chan/mux.h \
	libvdc/chan/packet.c \
	libvdc/chan/packet.h \
	libvdc/chan/packet_impl.h \
	libvdc/chan/packet_listen.c \
	libvdc/chan/port.c \
	libvdc/chan/port.h \
	libvdc/chan/port_blocking.c \
	libvdc/chan/port_event.c \
	libvdc/chan/port_impl.h \
	libvdc/chan/ring.c \
	libvdc/chan/ring.h \
	libvdc/chan/ring_copy.c \
	libvdc/chan/ring_copy.h \
	libvdc/chan/ring_inline.h \
	libvdc/chan/ring_layout.h \
	libvdc/chan/vchan.c \
	libvdc/chan/vchan.h

# For programs of others: rings, links, ports and streams, without libevent but
# for port_watch, mux and endpoint.  The headers keep their folders.
noinst_LIBRARIES += libvdc/chan/libvdc-chan-all.a
libvdc_chan_libvdc_chan_all_a_SOURCES = \
	libvdc/base/arena.c \
	libvdc/base/clock.c \
	libvdc/base/error.c \
	libvdc/base/uuid.c \
	libvdc/chan/broker.c \
	libvdc/chan/broker_hear.c \
	libvdc/chan/broker_port.c \
	libvdc/chan/endpoint.c \
	libvdc/chan/link.c \
	libvdc/chan/link_grant.c \
	libvdc/chan/link_memory.c \
	libvdc/chan/mux.c \
	libvdc/chan/packet.c \
	libvdc/chan/packet_listen.c \
	libvdc/chan/port.c \
	libvdc/chan/port_blocking.c \
	libvdc/chan/port_event.c \
	libvdc/chan/ring.c \
	libvdc/chan/ring_copy.c \
	libvdc/chan/vchan.c \
	libvdc/wire/copy.c \
	libvdc/wire/decode.c \
	libvdc/wire/encode.c \
	libvdc/wire/layout.c \
	libvdc/wire/tables.c
libvdc_chan_libvdc_chan_all_a_CFLAGS = $(AM_CFLAGS)

# What is installed has the names of the public headers and no others that a
# program could have, too.  The others are renamed and not made local, so that
# the objects stay apart and a program links those that it needs (without
# libevent, when it needs none that does).
VDC_CHAN_PUBLIC = ^(endpoint|port|link|ring|mux|vchan|vdc_error)_
vdcchanlibdir = $(libdir)
vdcchanlib_DATA = libvdc/chan/libvdc-chan.a
CLEANFILES += libvdc/chan/libvdc-chan.a libvdc/chan/libvdc-chan.a.names \
	libvdc/chan/libvdc-chan.a.new
libvdc/chan/libvdc-chan.a: libvdc/chan/libvdc-chan-all.a
	$(AM_V_GEN)$(NM) -g --defined-only $? >$@.new && \
	LC_ALL=C $(AWK) 'NF == 3 && $$3 !~ /$(VDC_CHAN_PUBLIC)|^__/ \
		{ print $$3, "vdc_chan_private_" $$3 }' $@.new >$@.names && \
	test -s $@.names && \
	$(OBJCOPY) --redefine-syms=$@.names $? $@.new && \
	$(RANLIB) $@.new && mv $@.new $@
dist_check_SCRIPTS += tests/unit/chan/test-library.sh
TESTS += tests/unit/chan/test-library.sh
vdcchandir = $(includedir)/vdc-chan/chan
vdcchan_HEADERS = \
	libvdc/chan/endpoint.h \
	libvdc/chan/link.h \
	libvdc/chan/mux.h \
	libvdc/chan/port.h \
	libvdc/chan/ring.h \
	libvdc/chan/ring_inline.h \
	libvdc/chan/vchan.h
vdcbasedir = $(includedir)/vdc-chan/base
vdcbase_HEADERS = libvdc/base/error.h libvdc/base/errors.def
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = libvdc/chan/vdc-chan.pc

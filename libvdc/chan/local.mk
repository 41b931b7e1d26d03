# libvdc/chan: channels between programs and partitions.
noinst_LIBRARIES += libvdc/chan/libchan.a
libvdc_chan_libchan_a_SOURCES = \
	libvdc/chan/broker.c \
	libvdc/chan/broker.h \
	libvdc/chan/broker_hear.c \
	libvdc/chan/broker_impl.h \
	libvdc/chan/chan.c \
	libvdc/chan/chan.h \
	libvdc/chan/chan_memory.c \
	libvdc/chan/chan_memory.h \
	libvdc/chan/link.c \
	libvdc/chan/link.h \
	libvdc/chan/link_grant.c \
	libvdc/chan/link_impl.h \
	libvdc/chan/link_memory.c \
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
	libvdc/chan/ring_layout.h

# libvdc/chan: channels between programs and partitions.
noinst_LIBRARIES += libvdc/chan/libchan.a
libvdc_chan_libchan_a_SOURCES = \
	libvdc/chan/chan.c \
	libvdc/chan/chan.h \
	libvdc/chan/link.h \
	libvdc/chan/ring.c \
	libvdc/chan/ring.h \
	libvdc/chan/ring_layout.h \
	libvdc/chan/vchan.c \
	libvdc/chan/vchan.h

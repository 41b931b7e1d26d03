# Files of libvdc/hv: the interface, the simulator, and (with Xen) libxl.
noinst_LIBRARIES += libvdc/hv/libhv.a
libvdc_hv_libhv_a_SOURCES = \
	libvdc/hv/cpulist.c \
	libvdc/hv/cpulist.h \
	libvdc/hv/hv.c \
	libvdc/hv/hv.h \
	libvdc/hv/socket.c \
	libvdc/hv/socket.h \
	libvdc/hv/watchdog.c \
	libvdc/hv/watchdog.h
libvdc_hv_libhv_a_CFLAGS = $(AM_CFLAGS) $(XEN_CFLAGS)
include libvdc/hv/sim/local.mk
if WITH_XEN
libvdc_hv_libhv_a_SOURCES += \
	libvdc/hv/xen/await.c \
	libvdc/hv/xen/await.h \
	libvdc/hv/xen/carry.c \
	libvdc/hv/xen/carry.h \
	libvdc/hv/xen/config.c \
	libvdc/hv/xen/config.h \
	libvdc/hv/xen/config_cpu.c \
	libvdc/hv/xen/config_cpu.h \
	libvdc/hv/xen/config_device.c \
	libvdc/hv/xen/config_device.h \
	libvdc/hv/xen/cpu.c \
	libvdc/hv/xen/cpu.h \
	libvdc/hv/xen/create.c \
	libvdc/hv/xen/create.h \
	libvdc/hv/xen/devices.c \
	libvdc/hv/xen/devices.h \
	libvdc/hv/xen/domain.c \
	libvdc/hv/xen/domain.h \
	libvdc/hv/xen/dump.c \
	libvdc/hv/xen/dump.h \
	libvdc/hv/xen/grant.c \
	libvdc/hv/xen/grant.h \
	libvdc/hv/xen/hotplug.c \
	libvdc/hv/xen/hotplug.h \
	libvdc/hv/xen/job.c \
	libvdc/hv/xen/job.h \
	libvdc/hv/xen/libxl_api.h \
	libvdc/hv/xen/memory.c \
	libvdc/hv/xen/memory.h \
	libvdc/hv/xen/op.c \
	libvdc/hv/xen/op.h \
	libvdc/hv/xen/osevent.c \
	libvdc/hv/xen/osevent.h \
	libvdc/hv/xen/pci.c \
	libvdc/hv/xen/pci.h \
	libvdc/hv/xen/query.c \
	libvdc/hv/xen/query.h \
	libvdc/hv/xen/reserve.c \
	libvdc/hv/xen/reserve.h \
	libvdc/hv/xen/save.c \
	libvdc/hv/xen/save.h \
	libvdc/hv/xen/saved.c \
	libvdc/hv/xen/saved.h \
	libvdc/hv/xen/sched.c \
	libvdc/hv/xen/sched.h \
	libvdc/hv/xen/self.h \
	libvdc/hv/xen/send.c \
	libvdc/hv/xen/send.h \
	libvdc/hv/xen/store.c \
	libvdc/hv/xen/store.h \
	libvdc/hv/xen/usage.c \
	libvdc/hv/xen/usage.h \
	libvdc/hv/xen/vcpus.c \
	libvdc/hv/xen/vcpus.h \
	libvdc/hv/xen/watchdog.c \
	libvdc/hv/xen/watchdog.h \
	libvdc/hv/xen/watches.c \
	libvdc/hv/xen/watches.h \
	libvdc/hv/xen/work.c \
	libvdc/hv/xen/work.h \
	libvdc/hv/xen/xen.c \
	libvdc/hv/xen/xen.h \
	libvdc/hv/xen/xl.c \
	libvdc/hv/xen/xl.h \
	libvdc/hv/xen/xtl.c \
	libvdc/hv/xen/xtl.h
endif
# What a program that uses hv links with, before BASE_LIBS.
HV_LIBS = libvdc/hv/libhv.a -lpthread

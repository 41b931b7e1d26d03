# libvdc/hv/sim: a simulated host behind the hypervisor interface.
libvdc_hv_libhv_a_SOURCES += \
	libvdc/hv/sim/sim.c \
	libvdc/hv/sim/sim.h \
	libvdc/hv/sim/sim_calls.def \
	libvdc/hv/sim/sim_console.c \
	libvdc/hv/sim/sim_console.h \
	libvdc/hv/sim/sim_create.c \
	libvdc/hv/sim/sim_create.h \
	libvdc/hv/sim/sim_domain.c \
	libvdc/hv/sim/sim_domain.h \
	libvdc/hv/sim/sim_fault.c \
	libvdc/hv/sim/sim_fault.h \
	libvdc/hv/sim/sim_grant.c \
	libvdc/hv/sim/sim_grant.h \
	libvdc/hv/sim/sim_guest.c \
	libvdc/hv/sim/sim_guest.h \
	libvdc/hv/sim/sim_host.c \
	libvdc/hv/sim/sim_host.h \
	libvdc/hv/sim/sim_nodes.c \
	libvdc/hv/sim/sim_nodes.h \
	libvdc/hv/sim/sim_state.c \
	libvdc/hv/sim/sim_state.h \
	libvdc/hv/sim/sim_store.c \
	libvdc/hv/sim/sim_store.h \
	libvdc/hv/sim/sim_tell.c \
	libvdc/hv/sim/sim_tell.h \
	libvdc/hv/sim/sim_tree.c \
	libvdc/hv/sim/sim_tree.h

# Unit tests of chan's links, ports and streams.
if HAVE_CUNIT
LINK_TEST_LIBS = libvdc/chan/libchan.a $(WIRE_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
PORT_PAIR = tests/unit/chan/port_pair.c tests/unit/chan/port_pair.h
LINK_TESTS = \
	tests/unit/chan/test_broker \
	tests/unit/chan/test_chan \
	tests/unit/chan/test_chan_pipe \
	tests/unit/chan/test_endpoint \
	tests/unit/chan/test_link \
	tests/unit/chan/test_mux \
	tests/unit/chan/test_packet \
	tests/unit/chan/test_packet_connect \
	tests/unit/chan/test_port \
	tests/unit/chan/test_port_event
check_PROGRAMS += $(LINK_TESTS)
TESTS += $(LINK_TESTS)
tests_unit_chan_test_broker_LDADD = libvdc/chan/libchan.a $(WIRE_LIBS) \
	$(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_chan_test_chan_LDADD = $(LINK_TEST_LIBS)
tests_unit_chan_test_chan_pipe_LDADD = $(LINK_TEST_LIBS)
tests_unit_chan_test_endpoint_LDADD = $(LINK_TEST_LIBS)
tests_unit_chan_test_link_LDADD = $(LINK_TEST_LIBS)
tests_unit_chan_test_mux_LDADD = $(LINK_TEST_LIBS)
tests_unit_chan_test_packet_LDADD = $(LINK_TEST_LIBS)
tests_unit_chan_test_packet_connect_LDADD = $(LINK_TEST_LIBS)
tests_unit_chan_test_port_SOURCES = tests/unit/chan/test_port.c $(PORT_PAIR)
tests_unit_chan_test_port_LDADD = $(LINK_TEST_LIBS)
tests_unit_chan_test_port_event_SOURCES = \
	tests/unit/chan/test_port_event.c $(PORT_PAIR)
tests_unit_chan_test_port_event_LDADD = $(LINK_TEST_LIBS)
endif

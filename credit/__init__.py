"""Credit scoring itself: pure logic, without I/O, clock, environment, network or orchestrator."""

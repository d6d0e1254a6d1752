//! What the switches report, beside what is intended: wiring against LLDP, generations, heartbeats.

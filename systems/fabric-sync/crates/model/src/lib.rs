//! What a fabric is, what NetBox should hold of it, how the two compare, and the plan that follows. Knows no network, no clock, no files.

//! Truth values: what could not be seen is neither true nor false. Verdict rules have three (Kleene's strong logic);
//! conditions have a fourth, for what cannot be evaluated on what was seen.

/// A truth value of a verdict rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// Surely true.
    True,
    /// Surely false.
    False,
    /// Not known.
    Unknown,
}

impl Truth {
    /// True if both are, false if either is.
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }
    /// True if either is, false if both are.
    pub const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
    /// The opposite; unknown stays unknown.
    pub const fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// A truth value of a condition. Conditions are evaluated with `!` moved into their atoms, so that `and` and `or` are all
/// that joins these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth4 {
    /// Surely true.
    True,
    /// Surely false.
    False,
    /// Not known: behind a barrier, nothing to look at, too much of it.
    Unknown,
    /// It cannot be evaluated on what was seen: a missing key, classes that do not compare. Never true, nor its negation.
    Error,
}

impl Truth4 {
    /// False decides; what cannot be evaluated keeps it from ever being true.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Error, _) | (_, Self::Error) => Self::Error,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::True, Self::True) => Self::True,
        }
    }
    /// True decides; what is unknown may yet be true.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Error, _) | (_, Self::Error) => Self::Error,
            (Self::False, Self::False) => Self::False,
        }
    }
}

impl From<bool> for Truth4 {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

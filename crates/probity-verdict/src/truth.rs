//! Three-valued truth (Kleene's strong logic): what could not be seen is neither true nor false.

/// A truth value.
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

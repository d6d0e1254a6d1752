//! Entry numbers as people read them.

use probity_plan::units::counted;

/// How many ranges of entries are written out.
const MAX_RANGES: usize = 24;

/// "5 to 20, 31", at most 24 ranges; the count of entries is [`entry_count`].
pub(crate) fn ranges(entries: &[(u64, u64)]) -> String {
    if let (Some((rest, _)), Some((_, last))) = (entries.get(MAX_RANGES), entries.last()) {
        let more = entries.len() - MAX_RANGES;
        let more = counted(more as u64, "more range", "more ranges");
        return format!("{}, and {more} from {rest} to {last}", ranges(&entries[..MAX_RANGES]));
    }
    let one = |(first, last): &(u64, u64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    };
    entries.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Entry numbers, ascending, as [`ranges`].
pub(crate) fn numbers(entries: &[u64]) -> String {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for entry in entries {
        match joined.last_mut() {
            Some((_, last)) if *entry == *last + 1 => *last = *entry,
            _ => joined.push((*entry, *entry)),
        }
    }
    ranges(&joined)
}

/// "entry 5", "entries 5 to 7".
pub(crate) fn entries(entries: &[u64]) -> String {
    format!("{} {}", if entries.len() == 1 { "entry" } else { "entries" }, numbers(entries))
}

/// How many entries the ranges hold.
pub(crate) fn entry_count(entries: &[(u64, u64)]) -> u64 {
    entries.iter().map(|(first, last)| last - first + 1).sum()
}

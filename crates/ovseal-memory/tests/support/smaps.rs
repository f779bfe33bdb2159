//! The kernel's description of a mapping (`/proc/self/smaps`).

/// Returns the flags of the mapping at `address`, two letters each, `None` if nothing is mapped.
pub(crate) fn flags(address: *const u8) -> Option<Vec<String>> {
    let entry = entry(address)?;
    let line = entry.iter().find_map(|line| line.strip_prefix("VmFlags:")).expect("every entry has flags");
    Some(line.split_whitespace().map(Into::into).collect())
}

/// Asserts that the mapping at `address` has all `expected` flags, and is locked if `is_locked`.
#[track_caller]
pub(crate) fn assert_flags(address: *const u8, expected: &[&str], is_locked: bool) {
    let flags = flags(address).expect("something is mapped there");
    assert!(expected.iter().all(|flag| flags.contains(&(*flag).into())), "{flags:?}");
    assert_eq!(flags.contains(&"lo".into()), is_locked, "{flags:?}");
}

/// Returns the permissions of the mapping at `address`, such as `rw-p`, `None` if there is none.
pub(crate) fn permissions(address: *const u8) -> Option<String> {
    entry(address)?.first()?.split_whitespace().nth(1).map(Into::into)
}

fn entry(address: *const u8) -> Option<Vec<String>> {
    let table = std::fs::read_to_string("/proc/self/smaps").expect("a process can read its own map");
    let mut lines =
        table.lines().map(String::from).skip_while(|line| !covers(line, address as usize)).peekable();
    lines.peek()?;
    let first = lines.next();
    Some(first.into_iter().chain(lines.take_while(|line| range(line).is_none())).collect())
}

fn covers(line: &str, address: usize) -> bool {
    range(line).is_some_and(|(start, end)| (start..end).contains(&address))
}

fn range(line: &str) -> Option<(usize, usize)> {
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

//! Bodies of lines.

/// The lines of a body that hold something, without what surrounds them.
pub(crate) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut begin = 0;
    // `split` would look at a byte at a time.
    let lines = memchr::memchr_iter(b'\n', body).chain([body.len()]).map(move |end| {
        let line = &body[begin..end];
        begin = end + 1;
        line.trim_ascii()
    });
    lines.filter(|line| !line.is_empty())
}

//! The rules of common runtimes.

/// A rule. Expressions are matched against lines without their ends.
#[derive(Debug)]
pub(super) struct Preset {
    pub(super) name: &'static str,
    /// The line always begins a record, and a stack trace. Empty: there is no such line.
    pub(super) start: &'static str,
    /// The first line of an error: it begins a stack trace.
    pub(super) head: &'static str,
    /// Whether that line belongs to a line of log before it.
    pub(super) head_after: Head,
    /// The line continues any record.
    pub(super) more: &'static str,
    /// The line continues a stack trace.
    pub(super) inside: &'static str,
    /// The line begins an excerpt of source code, after which the error follows. Empty: there is no such line.
    pub(super) source: &'static str,
    /// A stack trace ends with a line without indentation: the error itself.
    pub(super) ends_at_margin: bool,
    /// After a blank line, another stack trace may belong to the same error.
    pub(super) is_chained: bool,
}

/// Where the first line of an error is a part of the record before it.
#[derive(Debug)]
pub(super) enum Head {
    /// After one line of log, because loggers print the message first.
    Line,
    /// Nowhere: the loggers of this runtime print message and error in one line.
    Nowhere,
}

pub(super) const PRESETS: [Preset; 5] = [
    Preset {
        name: "java",
        start: r"^Exception in thread ",
        head: r"^(?:[\w$]+\.)+[\w$]*(?:Exception|Error|Throwable|Failure|Timeout)[\w$]*(?::|$)",
        head_after: Head::Line,
        more: r"^\s+\S|^Caused by: |^\.\.\. \d+ (?:more|common frames)",
        inside: r"^$",
        source: "",
        ends_at_margin: false,
        is_chained: false,
    },
    Preset {
        name: "python",
        start: "",
        head: r"^(?:\s*[+|] )?(?:Exception Group )?Traceback \(most recent call last\):",
        head_after: Head::Line,
        more: r"^\s+\S",
        inside: r"^$|^During handling of the above exception|^The above exception was the direct cause",
        source: "",
        ends_at_margin: true,
        is_chained: true,
    },
    Preset {
        name: "go",
        start: r"^(?:panic: |fatal error: |unexpected fault address )",
        head: r"^goroutine \d+ .*:$",
        head_after: Head::Line,
        more: r"^\s+\S|^created by ",
        inside: r"(?x) ^$ | ^goroutine\ | ^\[(?:signal|recovered|originating) | ^(?:\S*\.\S+|panic)\(.*\)$
            | ^(?:r\w\w?|eflags|rflags|rip|cs|fs|gs)\s+0x | ^exit\ status\ \d+$ | ^\.\.\. | ^(?:runtime|PC=)",
        source: "",
        ends_at_margin: false,
        is_chained: false,
    },
    Preset {
        name: "node",
        start: "",
        head: r"^(?:Uncaught )?(?:[A-Z]\w*)?(?:Error|Exception|Warning)(?: \[\w+\])?(?::|$)",
        head_after: Head::Nowhere,
        more: r"^\s+\S|^[}\])]+[,;]?$",
        inside: r"^$|^Node\.js v\d",
        source: r"^(?:/|file://|node:|[A-Z]:\\)\S*:\d+$",
        ends_at_margin: false,
        is_chained: false,
    },
    Preset {
        name: "dotnet",
        start: r"^Unhandled exception\. ",
        head: r"^(?:[A-Za-z_]\w*\.)+\w*(?:Exception|Error)\w*(?:`\d+)?(?: \(0x[0-9A-F]+\))?(?::|$)",
        head_after: Head::Line,
        more: r"^\s+\S|^--- End of ",
        inside: r"^$",
        source: "",
        ends_at_margin: false,
        is_chained: false,
    },
];

//! Messages of programs and relays, in both forms.

use super::*;

#[test]
fn programs_of_unix() {
    const A: &str = "facility=auth";
    check(&[
        (
            "<34>Nov 28 00:20:10 web-1 sshd[123]: Accepted publickey",
            ["web-1", "sshd", "crit", AT, "Accepted publickey", "facility=auth|procid=123"],
        ),
        ("<34>Nov 28 00:20:10 su: 'su root' failed", ["", "su", "crit", AT, "'su root' failed", A]),
        ("<34>Nov 28 00:20:10 web-1 su: 'su root' failed", ["web-1", "su", "crit", AT, "'su root' failed", A]),
        (
            "<86>Nov 28 00:20:10 web-1 sshd(pam_unix)[123]: session opened",
            ["web-1", "sshd(pam_unix)", "info", AT, "session opened", "facility=authpriv|procid=123"],
        ),
        (
            "<78>Nov 28 00:20:10 web-1 /usr/sbin/cron[1]: (root) CMD (x)",
            ["web-1", "/usr/sbin/cron", "info", AT, "(root) CMD (x)", "facility=cron|procid=1"],
        ),
        (
            "<22>Nov 28 00:20:10 mx postfix/smtpd[1]: connect from a[10.0.0.1]",
            ["mx", "postfix/smtpd", "info", AT, "connect from a[10.0.0.1]", "facility=mail|procid=1"],
        ),
        (
            "<30>Nov 28 00:20:10 vm docker/5f2c3d[1]: hello",
            ["vm", "docker/5f2c3d", "info", AT, "hello", "facility=daemon|procid=1"],
        ),
        (
            "<6>Nov 28 00:20:10 vm kernel: [  12.345] usb 1-1: new",
            ["vm", "kernel", "info", AT, "[  12.345] usb 1-1: new", "facility=kern"],
        ),
        (
            "<13>Nov 28 00:20:10 vm Google Chrome Helper[12]: text",
            ["vm", "", "notice", AT, "Google Chrome Helper[12]: text", "facility=user"],
        ),
        ("<13>Nov 28 00:20:10 vm Error: disk full", ["vm", "", "notice", AT, "Error: disk full", "facility=user"]),
        (
            "<13>Nov 28 00:20:10 2001:db8::1 sshd[9]: x",
            ["2001:db8::1", "sshd", "notice", AT, "x", "facility=user|procid=9"],
        ),
        (
            "<13>Nov 28 00:20:10 fe80::1%eth0 no tag here",
            ["fe80::1%eth0", "", "notice", AT, "no tag here", "facility=user"],
        ),
        (
            "<13>Nov 28 00:20:10 web-1.example.com app: x",
            ["web-1.example.com", "app", "notice", AT, "x", "facility=user"],
        ),
        ("<13>Nov 28 00:20:10 src@web-1/relay app: x", ["src@web-1/relay", "app", "notice", AT, "x", "facility=user"]),
        (
            "<13>Nov 28 00:20:10 web-1 last message repeated 3 times",
            ["web-1", "", "notice", AT, "last message repeated 3 times", "facility=user"],
        ),
        (
            "<13>Nov 28 00:20:10 last message repeated 3 times",
            ["", "", "notice", AT, "last message repeated 3 times", "facility=user"],
        ),
        (
            "<13>Nov 28 00:20:10 web-1 sshd[9]: message repeated 2 times: [ Failed ]",
            ["web-1", "sshd", "notice", AT, "message repeated 2 times: [ Failed ]", "facility=user|procid=9"],
        ),
        (
            "<27>2026-11-28T00:20:10.663+00:00 till-1 app[12]: as rsyslog forwards",
            ["till-1", "app", "err", MS, "as rsyslog forwards", "facility=daemon|procid=12"],
        ),
        (
            "<14>Nov 28 00:20:10 vm app: @cee: {\"msg\":\"in\",\"order\":17}",
            ["vm", "app", "info", AT, "in", "order=17|facility=user"],
        ),
        (
            "<14>Nov 28 00:20:10 vm app: {\"msg\":\"in\",\"procid\":\"5\"}",
            ["vm", "app", "info", AT, "in", "procid=5|facility=user"],
        ),
        (
            "<14>shop: 2026-11-28 00:20:10,663 INFO started",
            ["", "shop", "info", "", "2026-11-28 00:20:10,663 INFO started", "facility=user"],
        ),
        ("<14>10.0.0.1: text", ["10.0.0.1", "", "info", "", "text", "facility=user"]),
        ("<6>[   12.345] usb 1-1: new", ["", "", "info", "", "[   12.345] usb 1-1: new", "facility=kern"]),
        (
            "<14>    at shop.Order.pay(Order.java:17)",
            ["", "", "info", "", "    at shop.Order.pay(Order.java:17)", "facility=user"],
        ),
        ("Nov 28 00:20:10 web-1 sshd[9]: a line of a file", ["web-1", "sshd", "", AT, "a line of a file", "procid=9"]),
        ("Nov 28 00:20:10 something else happened", ["", "", "", "", "Nov 28 00:20:10 something else happened", ""]),
        (
            "system,info,account mk_home: user abc logged out",
            ["", "", "", "", "system,info,account mk_home: user abc logged out", ""],
        ),
        ("<192>Nov 28 00:20:10 web-1 su: x", ["", "", "", "", "<192>Nov 28 00:20:10 web-1 su: x", ""]),
        ("<999>shop: text", ["", "", "", "", "<999>shop: text", ""]),
        ("<>shop: text", ["", "", "", "", "<>shop: text", ""]),
        ("<abc>Nov 28 00:20:10 web-1 su: x", ["", "", "", "", "<abc>Nov 28 00:20:10 web-1 su: x", ""]),
    ]);
}

#[test]
fn headers_of_rfc_5424_that_bend_it() {
    const U: &str = "facility=user";
    check(&[
        ("<14>1 2026-11-28T00:20:10Z h app - - - m", ["h", "app", "info", AT, "m", U]),
        ("<14>1 2026-11-28T00:20:10Z h app - - -  m", ["h", "app", "info", AT, "m", U]),
        ("<14>1 2026-11-28T00:20:10 h app - - - no zone", ["h", "app", "info", AT, "no zone", U]),
        ("<14>1 2026-11-28T00:20:10,663Z h app - - - comma", ["h", "app", "info", MS, "comma", U]),
        ("<14>1 2026-11-28t00:20:10.663z h app - - - lower case", ["h", "app", "info", MS, "lower case", U]),
        (
            "<14>1 2026-11-28T00:20:10.123456789Z h app - - - digits",
            ["h", "app", "info", "2026-11-28T00:20:10.123456789Z", "digits", U],
        ),
        ("<14>1 2026-11-28 00:20:10.663 h app - - - blank", ["h", "app", "info", MS, "blank", U]),
        ("<14>1 2026-99-99T99:99:99Z h app - - - m", ["h", "app", "info", "as sent: 2026-99-99T99:99:99Z", "m", U]),
        ("<14>1 - - - - - - m", ["", "", "info", "", "m", U]),
        ("<14>2 2026-11-28T00:20:10Z h app - - - m", ["h", "app", "info", AT, "m", U]),
        ("<14>1 2026-11-28T00:20:10Z h app - - -", ["h", "app", "info", AT, "", U]),
        ("<14>1 2026-11-28T00:20:10Z h app - -", ["h", "app", "info", AT, "", U]),
        ("<14>1 2026-11-28T00:20:10Z h app - - no data", ["h", "app", "info", AT, "no data", U]),
        (
            "<14>1 2026-11-28T00:20:10Z h app 12 - [main] INFO m",
            ["h", "app", "info", AT, "[main] INFO m", "facility=user|procid=12"],
        ),
        ("<14>1 2026-11-28T00:20:10Z h took 12 seconds", ["h", "", "info", AT, "took 12 seconds", U]),
        (
            "<14>1 2026-11-28T00:20:10Z h took 12 seconds [user=bob] m",
            ["h", "", "info", AT, "took 12 seconds [user=bob] m", U],
        ),
        (
            "<14>1 2026-11-28T00:20:10Z h app in id [example a=\"1\"] m",
            ["h", "app", "info", AT, "m", "facility=user|procid=in|msgid=id|example.a=1"],
        ),
        (
            "<14>1 2026-11-28T00:20:10Z h app 5 id [x@1 a=b] m",
            ["h", "app", "info", AT, "m", "facility=user|procid=5|msgid=id|x@1.a=b"],
        ),
        (
            "<14>1 2026-11-28T00:20:10Z h app - - [event=\"login\"] m",
            ["h", "app", "info", AT, "m", "facility=user|event=login"],
        ),
        ("<14>1 2026-11-28T00:20:10Z h app[7]: old tag", ["h", "app", "info", AT, "old tag", "facility=user|procid=7"]),
        ("<14>1 2026-11-28T00:20:10Z h", ["", "", "info", AT, "h", U]),
        ("<14>1 2026-11-28T00:20:10Z", ["", "", "info", AT, "", U]),
        ("<14>1 m", ["", "", "info", "", "1 m", U]),
        ("<14>1 2026-11-28T00:20:10Z h app - - - \u{feff}two\nlines", ["h", "app", "info", AT, "two\nlines", U]),
        ("\u{feff}<14>1 2026-11-28T00:20:10Z h app - - - m", ["h", "app", "info", AT, "m", U]),
        ("1 2026-11-28T00:20:10Z h app - - - no priority", ["h", "app", "", AT, "no priority", ""]),
        (
            "<14>1 2026-11-28T00:20:10Z h app - - [x@1 a=\"1\" a=\"2\"][x@1 a=\"3\"] m",
            ["h", "app", "info", AT, "m", "facility=user|x@1.a=[\"1\",\"2\",\"3\"]"],
        ),
        (
            "<14>1 2026-11-28T00:20:10Z h app - - [tagged@1] m",
            ["h", "app", "info", AT, "m", "facility=user|tagged@1=true"],
        ),
        ("<14>1 2026-11-28T00:20:10Z h app - - [x@1 a=\"1\" m", ["h", "app", "info", AT, "[x@1 a=\"1\" m", U]),
        (
            "<14>1 2026-11-28T00:20:10Z h app 5 id [x@1 a=\"1\" m",
            ["h", "app", "info", AT, "[x@1 a=\"1\" m", "facility=user|procid=5|msgid=id"],
        ),
    ]);
}

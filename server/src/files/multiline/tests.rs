use super::*;

/// The records of a text, each as its lines joined by newlines.
fn records(rule: &str, text: &str) -> Vec<String> {
    let rule: Multiline = rule.parse().unwrap();
    let mut state = State::default();
    let mut records: Vec<String> = Vec::new();
    for line in text.lines() {
        match records.last_mut().filter(|_| rule.continues(&mut state, line.as_bytes())) {
            Some(record) => *record = format!("{record}\n{line}"),
            None => {
                // The first line is not asked for above.
                if records.is_empty() {
                    rule.continues(&mut state, line.as_bytes());
                }
                records.push(line.to_owned());
            }
        }
    }
    records
}

const JAVA: &[&str] = &[
    "2026-11-29 10:00:00.001  INFO 1 --- [main] shop.App : started",
    "2026-11-29 10:00:01.002 ERROR 1 --- [exec-1] shop.Orders : order 7 failed
java.lang.IllegalStateException: the order cannot be paid
\tat shop.Orders.pay(Orders.java:42) ~[classes!/:na]
\tat java.base/java.lang.Thread.run(Thread.java:1583) ~[na:na]
Caused by: java.util.concurrent.ExecutionException: java.io.IOException: refused
\tat java.base/java.util.concurrent.FutureTask.report(FutureTask.java:122)
\t... 3 common frames omitted
\tSuppressed: java.io.IOException: close failed
\t\tat shop.Bank.close(Bank.java:9)
Caused by: java.io.IOException: refused
\tat shop.Bank.call(Bank.java:17)
\t... 12 more",
    "2026-11-29 10:00:02.003  INFO 1 --- [main] shop.App : next",
    "Exception in thread \"main\" java.lang.NullPointerException
\tat shop.App.main(App.java:3)",
    "{\"message\":\"json\"}",
];

const PYTHON: &[&str] = &[
    "INFO:shop:started",
    "ERROR:shop:order 7 failed
Traceback (most recent call last):
  File \"/app/shop.py\", line 3, in pay
    bank[\"x\"]
    ~~~~^^^^^
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"/app/shop.py\", line 9, in main
    pay()
  File \"/app/shop.py\", line 5, in pay
    raise ValueError(\"no bank\") from None
ValueError: no bank

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File \"/app/shop.py\", line 12, in <module>
    main()
RuntimeError: failed",
    "INFO:shop:next",
    // A logger prints its message before the traceback, so the line before belongs to it.
    "INFO:shop:the one after
Traceback (most recent call last):
  File \"<stdin>\", line 1, in <module>
ZeroDivisionError",
    "INFO:shop:last",
];

const GO: &[&str] = &[
    "2026/11/29 10:00:00 listening",
    "panic: runtime error: index out of range [5] with length 3 [recovered]
\tpanic: again
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48f0d5]

goroutine 7 [running]:
panic({0x4b5a20?, 0xc000012345?})
\t/usr/local/go/src/runtime/panic.go:884 +0x212
main.(*Server).Pay(0xc0000b2000, {0x4c8a3f, 0x5})
\t/app/main.go:10 +0x1d
created by main.main in goroutine 1
\t/app/main.go:20 +0x7a

goroutine 1 [chan receive, 2 minutes]:
main.main()
\t/app/main.go:25 +0x99
exit status 2",
    "2026/11/29 10:00:01 next",
    "2026/11/29 10:00:02 http: panic serving 127.0.0.1:5000: boom
goroutine 34 [running]:
net/http.(*conn).serve.func1()
\t/usr/local/go/src/net/http/server.go:1854 +0xbf
created by net/http.(*Server).Serve
\t/usr/local/go/src/net/http/server.go:3102 +0x4db",
    "2026/11/29 10:00:03 paid (7)",
    "fatal error: all goroutines are asleep - deadlock!

goroutine 1 [chan receive]:
main.main()
\t/app/main.go:4 +0x31",
];

const NODE: &[&str] = &[
    "server listens",
    "/app/shop.js:3
  throw new Error('order failed', { cause });
  ^

Error: order failed
    at pay (/app/shop.js:3:9)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)
    at node:internal/main/run_main_module:36:49 {
  code: 'E_ORDER',
  [cause]: TypeError: Cannot read properties of undefined (reading 'x')
      at call (/app/bank.js:9:3) {
    [cause]: Error: refused
        at Socket.<anonymous> (/app/bank.js:1:1)
  }
}

Node.js v22.14.0",
    "request is done",
    "order 8 failed Error: refused
    at pay (/app/shop.js:7:9)",
    "TypeError [ERR_INVALID_ARG_TYPE]: The \"path\" argument must be of type string
    at open (node:fs:573:3)",
    "Error: first",
    "Error: second",
];

const DOTNET: &[&str] = &[
    "[10:00:00 INF] started",
    "[10:00:01 ERR] order 7 failed
System.InvalidOperationException: the order cannot be paid
 ---> System.IO.IOException: refused
   at Shop.Bank.Call() in /app/Bank.cs:line 17
   --- End of inner exception stack trace ---
   at Shop.Orders.Pay() in /app/Orders.cs:line 42
--- End of stack trace from previous location ---
   at Shop.App.Main()",
    "fail: Shop.Orders[0]
      order 8 failed
      System.TimeoutException: too slow
         at Shop.Bank.Call()",
    "info: Shop.App[0]
      next",
    "Unhandled exception. System.AggregateException: One or more errors occurred. (refused)
 ---> System.IO.IOException: refused
   at Shop.Bank.Call()",
];

#[test]
fn each_preset_joins_the_stack_traces_of_its_runtime() {
    for (preset, expected) in [("java", JAVA), ("python", PYTHON), ("go", GO), ("node", NODE), ("dotnet", DOTNET)] {
        assert_eq!(records(preset, &expected.join("\n")), expected, "{preset}");
    }
}

#[test]
fn a_regular_expression_matches_the_first_line_of_a_record() {
    let text = "rest of before\n2026-11-29 one\n  more\nand more\n\n2026-11-29 two";
    let expected = ["rest of before", "2026-11-29 one\n  more\nand more\n", "2026-11-29 two"];
    assert_eq!(records(r"start:^\d{4}-", text), expected);
}

#[test]
fn wrong_rules_are_refused_with_the_way_out() {
    for (rule, hint) in [
        ("ruby", "java, python, go, node, dotnet"),
        ("start:", "start:^[0-9]{4}-"),
        ("start:(", "not valid"),
        ("start:(?:.{1000}){1000}", "1048576 bytes"),
    ] {
        let error = rule.parse::<Multiline>().unwrap_err();
        assert!(error.contains(hint), "{rule}: {error}");
    }
}

//! Messages of devices, line by line, with the expected result.

use super::*;

const CONFIG: &str = "%SYS-5-CONFIG_I: Configured from console";
const L7: &str = "facility=local7";

#[test]
fn cisco_devices() {
    check(&[
        (
            "<189>83: *Nov 28 00:20:10.663: %SYS-5-CONFIG_I: Configured from console",
            ["", "", "notice", MS, CONFIG, "facility=local7|sequence=83"],
        ),
        (
            "<189>83: *Nov 28 00:20:10: %SYS-5-CONFIG_I: Configured from console",
            ["", "", "notice", AT, CONFIG, "facility=local7|sequence=83"],
        ),
        (
            "<189>84: .Nov 28 00:20:10.663: %SYS-5-CONFIG_I: Configured from console",
            ["", "", "notice", MS, CONFIG, "facility=local7|sequence=84"],
        ),
        ("<189>*Nov 28 00:20:10.663: %SYS-5-CONFIG_I: Configured from console", ["", "", "notice", MS, CONFIG, L7]),
        ("<189>Nov 28 00:20:10.663: %SYS-5-CONFIG_I: Configured from console", ["", "", "notice", MS, CONFIG, L7]),
        (
            "<189>82: 00:20:10: %SYS-5-CONFIG_I: Configured from console",
            ["", "", "notice", "", CONFIG, "facility=local7|sequence=82|uptime=00:20:10"],
        ),
        (
            "<189>82: 3w4d: %SYS-5-CONFIG_I: Configured from console",
            ["", "", "notice", "", CONFIG, "facility=local7|sequence=82|uptime=3w4d"],
        ),
        (
            "<189>421370: 421366: Nov 28 00:20:10: %SYS-5-CONFIG_I: Configured from console",
            ["", "", "notice", AT, CONFIG, "facility=local7|sequence=[\"421370\",\"421366\"]"],
        ),
        (
            "<189>179767: sw-core: Nov 28 00:20:10.663 UTC: %SYS-5-CONFIG_I: Configured from console",
            ["sw-core", "", "notice", MS, CONFIG, "facility=local7|sequence=179767"],
        ),
        (
            "<189>83: 10.0.0.1: 000123: *Nov 28 01:20:10.663 CET: %SYS-5-CONFIG_I: Configured from console",
            ["10.0.0.1", "", "notice", MS, CONFIG, "facility=local7|sequence=[\"83\",\"000123\"]"],
        ),
        (
            "<189>000123: sw-core: Nov 28 2026 00:20:10.663: %SYS-5-CONFIG_I: Configured from console",
            ["sw-core", "", "notice", MS, CONFIG, "facility=local7|sequence=000123"],
        ),
        (
            "<189>83: Nov 27 19:20:10.663 EST: %SYS-5-CONFIG_I: Configured from console",
            ["", "", "notice", MS, CONFIG, "facility=local7|sequence=83"],
        ),
        (
            "<189>83: Nov 28 00:20:10.663 XYZ: %SYS-5-CONFIG_I: Configured from console",
            ["", "", "notice", MS, CONFIG, "facility=local7|sequence=83"],
        ),
        (
            "<187>98: RP/0/RSP0/CPU0:Nov 28 00:20:10.663 UTC: ifmgr[227]: %PKT_INFRA-LINK-3-UPDOWN : Interface down",
            [
                "",
                "ifmgr",
                "err",
                MS,
                "%PKT_INFRA-LINK-3-UPDOWN : Interface down",
                "facility=local7|procid=227|sequence=98|location=RP/0/RSP0/CPU0",
            ],
        ),
        (
            "<189>99: xr-1 RP/0/RP0/CPU0:2026 Nov 28 00:20:10.663 UTC: config[67]: %MGBL-CONFIG-6-DB_COMMIT : done",
            [
                "xr-1",
                "config",
                "notice",
                MS,
                "%MGBL-CONFIG-6-DB_COMMIT : done",
                "facility=local7|procid=67|sequence=99|location=RP/0/RP0/CPU0",
            ],
        ),
        (
            "<189>: 2026 Nov 28 00:20:10 UTC: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
            ["", "", "notice", AT, "%ETHPORT-5-IF_UP: Interface Ethernet1/1 is up", L7],
        ),
        (
            "<189>nx-1: 2026 Nov 28 00:20:10 UTC: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
            ["nx-1", "", "notice", AT, "%ETHPORT-5-IF_UP: Interface Ethernet1/1 is up", L7],
        ),
        (
            "<166>Nov 28 2026 00:20:10: %ASA-6-302013: Built inbound TCP",
            ["", "", "info", AT, "%ASA-6-302013: Built inbound TCP", "facility=local4"],
        ),
        (
            "<166>Nov 28 2026 00:20:10 asa-1 : %ASA-6-302013: Built inbound TCP",
            ["asa-1", "", "info", AT, "%ASA-6-302013: Built inbound TCP", "facility=local4"],
        ),
        (
            "<166>Nov 28 2026 00:20:10 asa-1: %ASA-6-302013: Built inbound TCP",
            ["asa-1", "", "info", AT, "%ASA-6-302013: Built inbound TCP", "facility=local4"],
        ),
        (
            "<166>:Nov 28 00:20:10 UTC: %ASA-session-6-302013: Built",
            ["", "", "info", AT, "%ASA-session-6-302013: Built", "facility=local4"],
        ),
        (
            "<166>%ASA-6-302013: Built inbound TCP",
            ["", "", "info", "", "%ASA-6-302013: Built inbound TCP", "facility=local4"],
        ),
        (
            "<189>Nov 28 00:20:10 arista-1 ConfigAgent: %SYS-5-CONFIG_I: Configured from console",
            ["arista-1", "ConfigAgent", "notice", AT, CONFIG, L7],
        ),
        (
            "<134>1 1795825210.663 MX84 flows src=10.0.0.5 dst=10.0.0.6 protocol=tcp",
            ["MX84", "", "info", MS, "flows src=10.0.0.5 dst=10.0.0.6 protocol=tcp", "facility=local0"],
        ),
    ]);
}

#[test]
fn other_devices() {
    const D: &str = "facility=daemon";
    const U: &str = "facility=user";
    const L0: &str = "facility=local0";
    check(&[
        (
            "<30>Nov 28 00:20:10 MikroTik user abc logged in from 192.0.2.1 via api",
            ["MikroTik", "", "info", AT, "user abc logged in from 192.0.2.1 via api", D],
        ),
        (
            "<30>Nov 28 00:20:10 MikroTik drop !LAN input: in:pppoe out:(unknown 0), proto TCP",
            ["MikroTik", "", "info", AT, "drop !LAN input: in:pppoe out:(unknown 0), proto TCP", D],
        ),
        (
            "<30>system,info,account user abc logged out",
            ["", "", "info", "", "system,info,account user abc logged out", D],
        ),
        (
            "<165>Nov 28 00:20:10 mx480 mgd[4153]: UI_LOGIN_EVENT: User 'x' login",
            ["mx480", "mgd", "notice", AT, "UI_LOGIN_EVENT: User 'x' login", "facility=local4|procid=4153"],
        ),
        (
            "<13>Nov 28 00:20:10  re0.mx480 /kernel: ge-0/0/1 down",
            ["re0.mx480", "/kernel", "notice", AT, "ge-0/0/1 down", U],
        ),
        (
            "<165>1 2026-11-28T01:20:10.663+01:00 r1 mgd 3046 UI_LOGOUT [junos@2636.1.1.1.2.18 username=\"reg\"] User 'reg' exiting",
            [
                "r1",
                "mgd",
                "notice",
                MS,
                "User 'reg' exiting",
                "facility=local4|procid=3046|msgid=UI_LOGOUT|junos@2636.1.1.1.2.18.username=reg",
            ],
        ),
        (
            "<166>2026-11-28T00:20:10.663Z esx-1.example.com Hostd: info hostd[2101] [Originator@6876 sub=Vim] Task",
            [
                "esx-1.example.com",
                "Hostd",
                "info",
                MS,
                "info hostd[2101] [Originator@6876 sub=Vim] Task",
                "facility=local4",
            ],
        ),
        (
            "<14>1 2026-11-28T00:20:10.663Z esx-1 vpxa 2100 - [Originator@6876 sub=vpxLro opID=HB-1] Begin",
            [
                "esx-1",
                "vpxa",
                "info",
                MS,
                "Begin",
                "facility=user|procid=2100|Originator@6876.sub=vpxLro|Originator@6876.opID=HB-1",
            ],
        ),
        (
            "<30>Nov 28 00:20:10 UAP-Flur 788a20aabbcc,UAP-AC-Pro-Gen2-6.5.28+14491: hostapd[2451]: ath0: STA",
            [
                "UAP-Flur",
                "hostapd",
                "info",
                AT,
                "ath0: STA",
                "facility=daemon|procid=2451|device=788a20aabbcc,UAP-AC-Pro-Gen2-6.5.28+14491",
            ],
        ),
        (
            "<30>Nov 28 00:20:10 (\"U7PG2,788a20aabbcc,v4.0.80.10875\") hostapd: ath3: STA",
            [
                "788a20aabbcc",
                "hostapd",
                "info",
                AT,
                "ath3: STA",
                "facility=daemon|device=U7PG2,788a20aabbcc,v4.0.80.10875",
            ],
        ),
        (
            "<4>Nov 28 00:20:10 ubnt kernel: [WAN_LOCAL-default-D]IN=eth0 OUT=",
            ["ubnt", "kernel", "warning", AT, "[WAN_LOCAL-default-D]IN=eth0 OUT=", "facility=kern"],
        ),
        (
            "<14>Nov 28 00:20:10 DiskStation WinFileService Event: read, Path: /a, Size: 3 KB",
            ["DiskStation", "", "info", AT, "WinFileService Event: read, Path: /a, Size: 3 KB", U],
        ),
        (
            "<14>Nov 28 00:20:10 DiskStation Connection: User [admin] logged in",
            ["DiskStation", "Connection", "info", AT, "User [admin] logged in", U],
        ),
        (
            "<134>Nov 28 00:20:10 lb-1 haproxy[14389]: 10.0.1.2:33317 [28/Nov/2026:00:20:10.655] http-in",
            [
                "lb-1",
                "haproxy",
                "info",
                AT,
                "10.0.1.2:33317 [28/Nov/2026:00:20:10.655] http-in",
                "facility=local0|procid=14389",
            ],
        ),
        (
            "<134>Nov 28 00:20:10 haproxy[14389]: 10.0.1.2:33317",
            ["", "haproxy", "info", AT, "10.0.1.2:33317", "facility=local0|procid=14389"],
        ),
        (
            "<14>Nov 28 00:20:10 PA-220 1,2026/11/28 00:20:10,012801096514,TRAFFIC,end",
            ["PA-220", "", "info", AT, "1,2026/11/28 00:20:10,012801096514,TRAFFIC,end", U],
        ),
        (
            "<189>date=2026-11-28 time=00:20:10 devname=\"FG100\" type=\"traffic\"",
            ["", "", "notice", "", "date=2026-11-28 time=00:20:10 devname=\"FG100\" type=\"traffic\"", L7],
        ),
        (
            "<189>Nov 28 00:20:10 date=2026-11-28 devname=FG100",
            ["", "", "notice", AT, "date=2026-11-28 devname=FG100", L7],
        ),
        (
            "<134>id=firewall sn=18B1 time=\"2026-11-28 00:20:10 UTC\" fw=10.0.0.1 pri=6",
            ["", "", "info", "", "id=firewall sn=18B1 time=\"2026-11-28 00:20:10 UTC\" fw=10.0.0.1 pri=6", L0],
        ),
        (
            "<13>Nov 28 00:20:10 fw-1 CEF:0|Vendor|Product|1.0|100|worm stopped|10|src=10.0.0.1",
            ["fw-1", "", "notice", AT, "CEF:0|Vendor|Product|1.0|100|worm stopped|10|src=10.0.0.1", U],
        ),
        (
            "<13>Nov 28 00:20:10 CEF:0|Vendor|Product|1.0|100|worm|10|",
            ["", "", "notice", AT, "CEF:0|Vendor|Product|1.0|100|worm|10|", U],
        ),
        (
            "<13>CEF:0|Vendor|Product|1.0|100|worm|10|",
            ["", "", "notice", "", "CEF:0|Vendor|Product|1.0|100|worm|10|", U],
        ),
        (
            "<13>Nov 28 00:20:10 10.0.0.9 LEEF:2.0|Vendor|Product|1|2|^|a=b",
            ["10.0.0.9", "", "notice", AT, "LEEF:2.0|Vendor|Product|1|2|^|a=b", U],
        ),
        (
            "<190>Nov 28 2026 00:20:10+08:00 HUAWEI %%01SHELL/6/CMD(l)[1]:x",
            ["HUAWEI", "", "info", "2026-11-27T16:20:10Z", "%%01SHELL/6/CMD(l)[1]:x", L7],
        ),
        (
            "<190>Nov 28 00:20:10 2026 aruba-1 stm[3456]: <501102> <NOTI> x",
            ["aruba-1", "stm", "info", AT, "<501102> <NOTI> x", "facility=local7|procid=3456"],
        ),
        (
            "<142>Nov 28 00:20:10 FB-1 80BE05 FireBox firewall: msg_id=\"3000-0148\" Allow",
            ["FB-1", "", "info", AT, "80BE05 FireBox firewall: msg_id=\"3000-0148\" Allow", "facility=local1"],
        ),
        (
            "<134>Nov 28 00:20:10 filterlog[72237]: 4,,,1000000103,igb0,match,block",
            ["", "filterlog", "info", AT, "4,,,1000000103,igb0,match,block", "facility=local0|procid=72237"],
        ),
        (
            "<134>1 2026-11-28T00:20:10.663123+00:00 fw.example.com filterlog 72237 - [meta sequenceId=\"12\"] 4,,,1",
            [
                "fw.example.com",
                "filterlog",
                "info",
                "2026-11-28T00:20:10.663123000Z",
                "4,,,1",
                "facility=local0|procid=72237|meta.sequenceId=12",
            ],
        ),
        (
            "<134>1 2026-11-28T00:20:10Z cp-1 CheckPoint 1234 - [action:\"Accept\"; flags:\"4\"]",
            ["cp-1", "CheckPoint", "info", AT, "[action:\"Accept\"; flags:\"4\"]", "facility=local0|procid=1234"],
        ),
        (
            "<13>Nov 28 00:20:10 WIN-1 MSWinEventLog\t1\tSecurity\t4624",
            ["WIN-1", "", "notice", AT, "MSWinEventLog\t1\tSecurity\t4624", U],
        ),
    ]);
}

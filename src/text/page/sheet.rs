//! What the pages of the desk say: titles, columns, buttons.

/// Each word once, with Chinese and English beside it.
macro_rules! words {
    ($($name:ident: $zh_cn:literal, $en:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SheetText {
            $($name,)*
        }

        impl SheetText {
            /// Chinese and English.
            pub(super) fn both(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($zh_cn, $en),)*
                }
            }
        }
    };
}

words! {
    // ---- where to go
    Overview: "总览", "overview";
    Links: "链路", "links";
    Incidents: "故障", "incidents";
    Services: "业务系统", "services";
    Certificates: "证书", "certificates";
    WhatIsDown: "中断清单", "what is down";
    Topology: "拓扑", "topology";
    Contract: "合同规则", "contract";
    Maintenance: "计划作业", "planned work";
    Handover: "交接班", "handover";
    ReportFault: "登记报障", "report a fault";
    Settings: "运行参数", "settings";
    Skip: "跳到正文", "skip to content";
    Pages: "页面", "pages";
    // ---- tables
    Csv: "导出 CSV", "CSV";
    Nothing: "（无）", "(none)";
    SortBy: "排序", "sort by";
    All: "全部", "all";
    Every: "不限", "any";
    Print: "打印：用浏览器的打印功能（Ctrl+P）", "to print, use the browser (Ctrl+P)";
    Rows: "行", "rows";
    More: "更多未列出，见 CSV", "more are not listed: see the CSV";
    // ---- links
    Objective: "合同要求", "promised";
    Lower: "可用率下限", "availability, lower bound";
    Upper: "可用率上限", "availability, upper bound";
    LossJudged: "丢包指标（丢失 / 探测）", "loss objective (lost / probes)";
    RttJudged: "时延指标（超限 / 应答）", "RTT objective (too slow / answered)";
    JudgedMet: "达标", "met";
    JudgedBreached: "不达标", "breached";
    JudgedPending: "未到期", "pending";
    JudgedNotProvable: "无法证明", "not provable";
    JudgedAtRisk: "有风险", "at risk";
    JudgedSuspected: "存疑", "suspected";
    DownTime: "本月中断", "down this month";
    UnknownTime: "本月未知", "unknown this month";
    Failures: "本月次数", "outages this month";
    Lifeline: "生命线", "lifeline";
    Important: "重要", "important";
    Normal: "一般", "normal";
    Priority: "优先级", "priority";
    Smoke: "时延烟雾图", "RTT smoke plot";
    SmokeHint: "线为中位数，颜色为丢包；灰带由内到外为 25–75、10–90、5–95、1–99 百分位。数据为本系统自存的五分钟统计。",
        "the line is the median, coloured by loss; grey bands are percentiles 25–75, 10–90, 5–95 and 1–99, from what this daemon stored";
    NoPast: "所选时段没有存下数据：五分钟一存，刚启动时为空", "nothing is stored of this time: slices of five minutes are stored as they end";
    NotKept: "该进程不存历史", "this process keeps no history";
    Loss: "丢包", "loss";
    Timeline: "状态时间线", "states over time";
    NotStored: "无数据", "nothing stored";
    ThreeHours: "3 小时", "3 hours";
    OneDay: "1 天", "1 day";
    OneWeek: "1 周", "1 week";
    OneMonth: "1 月", "1 month";
    OneYear: "1 年", "1 year";
    History: "历史数据", "history";
    Facts: "台账", "ledger";
    Limit: "上限", "limit";
    From: "自", "from";
    To: "至", "to";
    Clause: "条款", "clause";
    ContractOf: "适用的合同规则", "which rules apply";
    // ---- incidents
    Incident: "故障编号", "incident";
    Grouping: "归并中，范围未定", "being grouped: its scope is not settled";
    Phase: "阶段", "phase";
    PhaseOpen: "未恢复", "open";
    PhaseRestored: "已恢复，待关闭", "restored, not closed";
    PhaseClosed: "已关闭", "closed";
    AlsoClosed: "含已关闭", "closed ones too";
    OnlyOpen: "只看未关闭", "only what is not closed";
    BeganAt: "发生", "began";
    DetectedAt: "发现", "detected";
    AnnouncedAt: "通知发出", "announced";
    RestoredAt: "恢复", "restored";
    ClosedAt: "关闭", "closed at";
    AcknowledgedBy: "响应人", "acknowledged by";
    Relapses: "反复次数", "relapses";
    FlappingSince: "抖动自", "flapping since";
    ExplainedBy: "由此故障引起", "explained by";
    MergedInto: "并入", "merged into";
    Tickets: "工单", "tickets";
    Clocks: "时钟", "clocks";
    Clock: "时钟与责任方", "clock and whose";
    StartedAt: "起算", "started";
    Deadline: "截止", "deadline";
    LeftNow: "剩余", "left";
    StoppedAt: "停止", "stopped";
    Kept: "按时", "kept";
    Yes: "是", "yes";
    No: "否", "no";
    CalendarName: "日历", "calendar";
    Entries: "过程记录", "timeline";
    Number: "序号", "no.";
    When: "时间", "when";
    What: "事项", "what";
    Who: "操作人", "who";
    For: "代表", "for";
    Way: "途径", "way";
    Note: "说明", "note";
    Redundancy: "冗余组", "redundancy groups";
    Operator: "运维承包方", "operator";
    Customer: "采购人", "customer";
    Evidence: "证据", "evidence";
    EvidenceHint: "每次收发的统计存于各链路历史；故障全文：", "counts of every probe stand in the history of each link; all of this incident:";
    Actions: "处理", "what to do";
    YourName: "操作人姓名", "your name";
    Acknowledge: "响应（接单）", "acknowledge";
    AcknowledgeHint: "停下该方的响应时钟；恢复时钟继续走。", "stops the response clock of that party; the restore clock runs on";
    WorkOrder: "工单号", "work order";
    Promise: "承诺恢复时间", "promised for";
    HappenedAt: "发生于（空为现在）", "when it happened (empty: now)";
    Withdraw: "撤回响应", "withdraw the acknowledgement";
    Record: "记一笔", "write down";
    StepName: "步骤", "step";
    Confirm: "确认关闭条件", "confirm a condition for closing";
    Condition: "条件", "condition";
    Close: "关闭故障", "close";
    Annul: "撤销（误报或定级有误）", "annul (false or wrongly classed)";
    Second: "第二人", "second person";
    Reason: "理由", "reason";
    Resolve: "定性", "say what it was";
    WasOutage: "确为全网中断", "it was an outage";
    WasOwnFault: "是我方监测故障", "it was our own fault";
    Restore: "登记恢复", "say that it is over";
    // ---- services
    Service: "编号", "id";
    ServiceName: "名称", "name";
    Address: "地址", "address";
    Requirement: "需求", "requirement";
    Passed: "成功", "passed";
    Failed: "失败", "failed";
    LastVisit: "上次访问", "last visit";
    DaysLeft: "剩余天数", "days left";
    Ends: "到期日", "ends";
    Subject: "证书主体", "subject";
    Issuer: "签发者", "issuer";
    Algorithm: "算法", "algorithm";
    Chain: "证书链", "chain";
    Good: "正常", "good";
    Revocation: "吊销状态", "revocation";
    Domains: "域名", "domains";
    Registrar: "注册商", "registrar";
    Register: "到期台账", "register of expiries";
    Owner: "责任单位", "owner";
    Certificate: "证书", "certificate";
    Domain: "域名", "domain";
    Licence: "软件许可", "licence";
    ApiGrant: "接口授权", "API grant";
    Agreed: "合同", "contract";
    Support: "维保", "support";
    // ---- what is down
    AsOf: "截至", "as of";
    LinksDown: "中断的链路", "links that are down";
    ServicesDown: "中断的业务系统", "services that are down";
    OnDuty: "当班人员", "on duty";
    Role: "岗位", "role";
    People: "人员", "people";
    Until: "至", "until";
    Receivers: "通知接收方", "receivers";
    Nobody: "无人当班", "nobody";
    WhomToCall: "应联系的运营商", "carriers to call";
    NoNumbers: "接收方是 linkpatrol.yaml 中的名字；页面上没有电话号码。", "receivers are names of linkpatrol.yaml: no page holds telephone numbers";
    Longest: "最长已断", "longest";
    Agreement: "协议", "agreement";
    Promised: "协议时限", "promised";
    NoAgreement: "无协议", "no agreement";
    // ---- handover
    Scope: "范围", "scope";
    AcknowledgedAlready: "已响应", "acknowledged";
    Promises: "未兑现的承诺", "promises not kept yet";
    Rounds: "待完成的巡检", "rounds to be made";
    Round: "巡检", "round";
    WorkNow: "正在进行的作业", "planned work that goes on";
    Work: "作业", "work";
    Counts: "是否计为计划作业", "counts as planned";
    DevicesOut: "故障设备", "devices that failed";
    Device: "设备", "device";
    Model: "型号", "model";
    Unsent: "未送达的通知", "notices that nobody has taken";
    Channel: "通道", "channel";
    Notice: "通知", "notice";
    GivenUp: "已放弃", "given up";
    TakesOver: "接班人", "who takes over";
    Sign: "双方签字交班", "sign the handover";
    SignHint: "交班人与接班人都已看过以上各项。", "both have seen what is listed here";
    // ---- report
    ReportHint: "报障立即按合同时钟起算；探测看到的同一故障会并入。", "a report starts the contract's clocks at once, and joins what is measured of the same fault";
    WhoSays: "报障方", "who says so";
    AboutLinks: "线路编号", "ids of links";
    WhatIsWrong: "故障现象", "what is wrong";
    // ---- planned work
    Requester: "申请方", "asked for by";
    Approver: "批准人", "approved by";
    Announced: "通知时间", "announced";
    Drill: "演练", "drill";
    Group: "冗余组", "group";
    Overlaps: "会使冗余组无备用的作业", "work that leaves a redundancy group without a reserve";
    OnlyComing: "只看未结束", "only what is not over";
    AlsoOver: "含已结束", "also what is over";
    Guarded: "重保", "guard";
    Approve: "批准", "approve";
    CancelWork: "取消作业", "cancel work";
    Announce: "登记计划作业", "announce planned work";
    WorkValid: "计入", "counts";
    WorkLate: "通知过晚", "announced too late";
    WorkUnapproved: "未批准", "not approved";
    WorkGuarded: "在重保期内", "in a guard period";
    WorkAfterStart: "开始后才登记", "written down after its start";
    WorkCancelled: "已取消", "cancelled";
    // ---- contract and settings
    WhichRule: "查某条线路或需求适用的规则", "which rules apply to a link or a requirement";
    NothingCalledSo: "台账与需求中都没有这个编号", "neither the ledger nor the requirements have this id";
    Key: "键", "key";
    Rule: "规则", "rule";
    Value: "值", "value";
    Switch: "由开关决定", "decided by switch";
    Place: "出处", "place";
    NotFromContract: "默认，非合同所定", "default, not from contract";
    SettingsHint: "进程所见；改动须改文件后重新加载（POST /-/reload）或重启。", "as this process sees it: change the files, then reload (POST /-/reload) or restart";
    Daemon: "进程", "daemon";
    Engine: "测量引擎", "engine";
    Witness: "见证点", "witness";
    Witnesses: "见证点", "witnesses";
    // ---- topology
    TopologyHint: "自左至右：枢纽、汇聚点与网边、管道、单位；线的粗细为线路数。红色为中断；线上全部可测线路都断的节点填红。",
        "from the left: hubs, POPs and provider edges, ducts, units; a line is as thick as it has links. Red is down; a node all of whose measured links are down is filled";
    Unit: "单位", "unit";
    Hub: "枢纽", "hub";
    PopOrEdge: "汇聚点、网边", "POP or edge";
    Duct: "管道", "duct";
    DownShare: "中断/可测", "down / measured";
    NodeKind: "类别", "kind";
    NodeName: "名称", "name";
    Unnamed: "未登记", "not in the ledger";
}

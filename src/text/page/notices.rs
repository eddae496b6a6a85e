//! What the pages of notices and of papers for carriers say.

words! {
    NoticesText;
    Notices: "通知记录", "notices";
    Created: "时间", "time";
    Event: "事由", "about what";
    About: "故障、工单或通报", "incident, ticket or paper";
    Recipient: "接收人", "recipient";
    Party: "所属方", "party";
    To: "地址", "address";
    Done: "完成时间", "done at";
    Attempts: "次数", "attempts";
    Title: "标题", "subject";
    Words: "对方答复或未发原因", "what the receiver said, or why it did not leave";
    Whole: "全文", "full text";
    Short: "短信", "short text";
    ToMachine: "发给机器的通知没有文字。", "a notice for a machine has no text";
    Search: "查找", "search";
    Older: "更早", "older";
    Waiting: "待发", "waiting";
    Delivered: "已送达", "delivered";
    Held: "试运行：未发", "trial: held back";
    GivenUp: "放弃", "given up";
    Replaced: "由后一条代替", "replaced";
    // ---- doors
    Doors: "发送开关", "doors";
    DoorsHint: "新装即为试运行：通道与接收方的开关都打开，通知才会发出；每次开关都记名。", "a new installation is in trial: a notice leaves when the doors of its channel and of its party are open, each by a named person";
    Door: "开关", "door";
    Open: "已打开", "open";
    Closed: "关闭", "closed";
    TurnOn: "打开", "open";
    TurnOff: "关上", "close";
    // ---- papers
    Papers: "违约与质量通报", "breach and quality notices";
    Period: "考核期", "period";
    Kind: "文种", "kind";
    Breach: "违约通知书", "notice of breach";
    Quality: "质量通报", "quality notice";
    FileNumber: "文号", "number";
    Judged: "考核电路", "circuits judged";
    Breached: "不达标", "below";
    Agreement: "依据协议", "agreement";
    Draft: "起草", "draft";
    Month: "月份", "month";
    Review: "复核无误", "figures are right";
    ApproveSeal: "批准、编号并用印", "approve, number and seal";
    Send: "发出", "send";
    Withdraw: "撤回", "withdraw";
    Sealed: "用印原文", "sealed document";
    ByAnother: "批准人不能是起草人或复核人。", "approved by somebody else than who drafted or reviewed it";
}

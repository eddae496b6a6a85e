//! 简体中文。Wording follows `docs/glossary.md`.

use std::fmt::{Formatter, Result};

use super::{AddressFault, Clocks, Expected, HostFault, Language, Mark, Message, Message::*, mark, milliseconds, some};
use crate::units::duration_text;

pub(super) fn write(message: &Message, out: &mut Formatter<'_>) -> Result {
    match message {
        // ---- check
        CheckedInventory { name, synthetic: true } => write!(out, "台账 {name}（虚构：名称和地址均为编造）"),
        CheckedInventory { name, synthetic: false } => write!(out, "台账 {name}"),
        Reconciliation { clause } => write!(out, "按类对账：台账数量，合同所印数量（{clause}）"),
        Inferred { inferred } => write!(out, "推断为 {inferred}，文本中没有"),
        Coverage { links, measurable } => write!(out, "{links} 条链路：{measurable} 条可测量"),
        ExpectedLoad { points, per_second } => write!(out, "{points} 个测点：每秒探测 {per_second:.1} 次"),
        ExpectedScrape { series, bytes } => write!(out, "/metrics：每次抓取约 {series} 个序列，{bytes} 字节"),
        CheckedCounts { errors, warnings } => write!(out, "{errors} 个错误，{warnings} 个警告"),
        // ---- config
        ListenNotLoopback { address } => write!(out, "{address} 不是本机回环地址，而没有配置用户"),
        ListenNotLoopbackHelp => write!(
            out,
            "用文件配置用户（`web: {{config_file: web.yaml}}`、--web.config.file），或只开放读取（`allow_anonymous_read`），或监听 127.0.0.1:9815"
        ),
        DuplicateNameHelp => write!(out, "名称各不相同"),
        BadUrl { url } => write!(out, "`{url}` 不是可用的接收地址"),
        BadUrlHelp => write!(out, "写协议和主机，例如 `http://127.0.0.1:9093`"),
        OutOfRange { key } => write!(out, "`{key}` 超出范围"),
        OutOfRangeHelp { least, most } => write!(out, "可用范围：{least} 到 {most}"),
        // ---- contract
        FigureIsZero => write!(out, "数值为零，等于没有承诺"),
        FigureIsZeroHelp => write!(out, "写合同中的数值，须大于零"),
        FiguresOutOfOrder { smaller, larger } => write!(out, "`{smaller}` 超过了 `{larger}`"),
        FiguresOutOfOrderHelp { smaller, larger } => write!(out, "对照合同核对两处；{smaller} 应在 {larger} 之前"),
        Contract(text) => text.write(super::Language::ZhCn, out),
        Duty(text) => text.write(super::Language::ZhCn, out),
        Service(text) => text.write(super::Language::ZhCn, out),
        Module(text) => text.write(super::Language::ZhCn, out),
        Page(text) => text.write(super::Language::ZhCn, out),
        Grafana(text) => text.write(super::Language::ZhCn, out),
        // ---- demo
        Simulated => write!(out, "【模拟】"),
        DemoNoSuchPlace { scope, id } => write!(out, "台账中没有这个{}：`{id}`", scope_word(scope)),
        DemoNoSuchPlaceHelp { known } => write!(out, "写 `random`，或其中之一：{}", some(known)),
        DemoNotSynthetic => write!(out, "演示只接受 `synthetic: true` 的台账"),
        DemoNotSyntheticHelp => write!(out, "去掉 --config.file，或改用随附台账；真实链路请用 `serve`"),
        DemoStarts { story, links, seed } => write!(out, "{story}：{links} 条链路的城市，种子 {seed}"),
        DemoLook { url } => write!(out, "请看   {url}/   {url}/metrics   {url}/api/v1/incidents"),
        DemoInside { namespace, device } => {
            write!(out, "内部   nsenter --net={namespace} tcpdump -ni {device} icmp or icmp6")
        }
        DemoFiles { folder } => write!(out, "真相与判断写入 {folder}"),
        DemoWithoutRight { cause } => {
            write!(out, "无法建立自己的网络（{cause}）：同一个故事不发报文，mode: simulated")
        }
        DemoRightWanted { cause } => {
            write!(out, "无法建立自己的网络（{cause}）：请用 root 运行，或加 --allow-simulated 允许不发报文的演示")
        }
        DemoMeasured { measured } => write!(out, "已测到 {measured} 条链路"),
        DemoTurn { begins, fault, scope, id, links } => {
            let (place, fault) = (place(scope, id, *links), trouble(fault, scope));
            if *begins { write!(out, "{place}：{fault}") } else { write!(out, "{place}：{fault}结束") }
        }
        DemoNoticed { links, delay } => {
            write!(out, "发现 {links} 条链路中断，首条用时 {:.1} 秒", delay.as_secs_f64())
        }
        DemoGrouped { links } => write!(out, "归并：一个事件包含 {links} 条链路"),
        DemoIsolation => write!(out, "发现：已看不到整个网络"),
        DemoBack { links } => write!(out, "{links} 条链路恢复"),
        DemoStates { up, down, unknown, incidents } => {
            write!(out, "正常 {up} · 中断 {down} · 未知 {unknown} · 未恢复事件 {incidents}")
        }
        DemoOver => write!(out, "故事结束；城市继续运行，按 Ctrl-C 退出"),
        DemoScore { cuts, missed, false_alarms, detection } => {
            write!(out, "中断 {cuts} 次，漏报 {missed} 次，误报 {false_alarms} 次")?;
            match detection {
                Some((p50, max)) => {
                    let (p50, max) = (p50.as_secs_f64(), max.as_secs_f64());
                    write!(out, "，发现用时中位数 {p50:.1} 秒，最长 {max:.1} 秒")
                }
                None => Ok(()),
            }
        }
        // ---- diagnostic
        Help => write!(out, "改法"),
        Error => write!(out, "错误"),
        Warning => write!(out, "警告"),
        Unreadable { cause } => write!(out, "无法读取：{cause}"),
        UnreadableHelp => write!(out, "检查路径，以及当前用户是否有读取权限"),
        TooLarge { bytes } => write!(out, "文件有 {bytes} 字节，不像是 linkpatrol 的文件"),
        TooLargeHelp { most } => write!(out, "最多读取 {most} 字节"),
        TooDeep { most } => write!(out, "列表和映射嵌套超过 {most} 层"),
        TooDeepHelp => write!(out, "对照随附示例检查缩进；可能有括号没有闭合"),
        NotUtf8 => write!(out, "此处字节不是 UTF-8"),
        NotUtf8Help => write!(out, "请将文件另存为 UTF-8"),
        Syntax { cause } => write!(out, "语法错误：{cause}"),
        SyntaxHelp => write!(out, "检查此行及上一行的缩进（用空格，不用制表符）、引号和括号"),
        SecondDocument => write!(out, "此处开始了第二个文档"),
        SecondDocumentHelp => write!(out, "删除 `---`；一个文件只放一个文档"),
        KeyNotText => write!(out, "键必须是普通文字"),
        KeyNotTextHelp => write!(out, "写成 `键: 值`"),
        AliasUnknown => write!(out, "别名所指的锚点在此之前没有写完"),
        TooManyValues { most } => write!(out, "别名重复出的值超过 {most} 个"),
        AliasHelp => write!(out, "不要用 `*` 重复，把值直接写出来"),
        DuplicateKey { key, first } => write!(out, "`{key}` 在同一映射中出现两次，第一次在第 {first} 行"),
        DuplicateKeyHelp => write!(out, "两处只保留一处"),
        UnknownKey { key } => write!(out, "此处没有 `{key}` 这个键"),
        MissingKey { key } => write!(out, "缺少 `{key}`"),
        MissingKeyHelp { key } => write!(out, "补上 `{key}:` 和它的值"),
        UnknownWord { word } => write!(out, "`{word}` 不是此处可用的词"),
        Known { closest: Some(closest), known } => write!(out, "是否想写 `{closest}`？可用：{}", some(known)),
        Known { closest: None, known } if known.is_empty() => write!(out, "尚未定义"),
        Known { closest: None, known } => write!(out, "可用：{}", some(known)),
        WrongValue { found, expected } => write!(out, "{}不是{}", found.say(Language::ZhCn), Noun(expected)),
        FoundText(text) => write!(out, "`{text}`"),
        FoundNothing => write!(out, "空值"),
        FoundList => write!(out, "列表"),
        FoundMap => write!(out, "映射"),
        Write(expected) => write_help(expected, out),
        MoreFindings(more) => write!(out, "从此处起另有 {more} 条未显示"),
        MoreFindingsHelp => write!(out, "先改正以上各条，再检查一遍"),
        // ---- explain
        NoSuchLink { link, closest } => {
            write!(out, "没有编号或电路编号为 `{link}` 的链路")?;
            closest.as_ref().map_or(Ok(()), |closest| write!(out, "；是否想写 `{closest}`？"))
        }
        ExplainLink { link } => write!(out, "链路 {link}"),
        ExplainPoint { role, target, deciding: true } => write!(out, "测点 {role} {target}：判定状态"),
        ExplainPoint { role, target, deciding: false } => write!(out, "测点 {role} {target}：辅助定位"),
        ExplainContract => write!(out, "合同"),
        ByDefault => write!(out, "默认值"),
        // ---- incident
        ClockRuns => write!(out, "计时中"),
        ClockStopped { at } => write!(out, "已于 {at} 停止"),
        ClockName { clock, party } => {
            out.write_str(match clock.as_str() {
                "response" => "响应",
                "register" => "登记",
                "diagnosis" => "诊断",
                "plan" => "方案",
                "remote" => "远程处理",
                "on_site" => "到场",
                "begin" => "开始恢复",
                "workaround" => "应急处理",
                "restore" => "恢复",
                "data_restore" => "数据恢复",
                "device_swap" => "设备更换",
                "report" => "报告",
                "feedback" => "反馈",
                "analysis" => "分析报告",
                other => other,
            })?;
            match party.as_str() {
                "operator" => Ok(()),
                "customer" => write!(out, "（用户方）"),
                party => write!(out, "（{party}）"),
            }
        }
        CommandRefused { code, title } => match code.as_str() {
            "no_such_incident" => write!(out, "没有这个故障编号"),
            "already_acknowledged" => write!(out, "已有人响应"),
            "not_restored" => write!(out, "故障尚未恢复，不能关闭"),
            "already_closed" => write!(out, "故障已关闭"),
            "no_actor" => write!(out, "须写明操作人，1 至 64 个字"),
            "no_such_party" => write!(out, "该方与此故障无关"),
            "wrong_time" => write!(out, "时间应在故障开始之后、现在之前；承诺时间应在现在之后"),
            "no_such_entry" => write!(out, "没有由人填写的这一条记录"),
            "timeline_full" => write!(out, "该故障的人工记录已满"),
            "no_such_condition" => write!(out, "合同没有这一关闭条件"),
            "unconfirmed" => write!(out, "合同要求的关闭条件尚未全部确认"),
            "already_annulled" => write!(out, "故障已撤销"),
            "needs_two" => write!(out, "须写明理由，并由两人签名"),
            "no_such_link" => write!(out, "台账中没有这条链路"),
            "not_excluded" => write!(out, "该时段不能在每条链路上扣除，均未扣除"),
            "nothing_to_resolve" => write!(out, "只有尚未定性的疑似全网中断可以定性"),
            "measured" => write!(out, "该故障由探测判定何时恢复，或已结束"),
            "too_many_reports" => write!(out, "未结束的报障数量已达上限"),
            "nothing_reported" => write!(out, "须写明有何故障"),
            "no_such_scope" => write!(out, "没有这个在用的对象"),
            "wrong_window" => write!(out, "计划作业的内容不全或有误"),
            "no_such_window" => write!(out, "没有这个计划作业编号"),
            "window_over" => write!(out, "计划作业已结束或已取消"),
            "too_many_windows" => write!(out, "计划作业的数量已达上限"),
            "inbox_full" => write!(out, "待处理的运营商通知已满，请先处理一部分"),
            "nothing_to_settle" => write!(out, "没有这条待处理的通知，或没有说明"),
            "note_unreadable" => write!(out, "通知中没有可读的时间：请先手工登记计划作业，再处理本条"),
            "wrong_change" => write!(out, "变更申请的内容不全或有误"),
            "no_such_change" => write!(out, "没有这个变更编号"),
            "own_change" => write!(out, "申请人不能审批自己的变更"),
            "wrong_phase" => write!(out, "变更须先批准后实施，且只能结束一次"),
            "too_many_changes" => write!(out, "进行中的变更已达上限"),
            "no_such_problem" => write!(out, "没有这个问题编号"),
            "problem_not_open" => write!(out, "该问题已关闭，或故障次数还不够"),
            "wrong_ticket" => write!(out, "工单系统与编号须为 1 至 64 个字符，每条记录最多登记 8 个系统"),
            "not_kept" => write!(out, "该进程不记故障（--exporter-only）"),
            code => write!(out, "{title}（{code}）"),
        },
        Corrects { entry } => write!(out, "更正第 {entry} 条"),
        DaemonNotReached { url, reason } => write!(out, "连不上 {url}：{reason}"),
        Done => write!(out, "已记录"),
        // ---- inventory
        NoInventory => write!(out, "此处没有台账目录：缺少 `inventory.yaml`"),
        NoInventoryHelp => write!(out, "在 linkpatrol.yaml 中把 `inventory:` 设为目录，例如 inventories/xuchang"),
        NoLinks => write!(out, "台账中没有链路"),
        NoLinksHelp => write!(out, "在表头下每条链路写一行"),
        BadId { id } => write!(out, "`{id}` 不能用作编号"),
        BadIdHelp => write!(out, "使用 1 到 64 个字符：A-Z a-z 0-9 . _ -；编号会出现在标签、网址和文件名中"),
        DuplicateId { id, first } => write!(out, "`{id}` 已被占用，见 {first}"),
        DuplicateIdHelp => write!(out, "编号各不相同，用过的编号不再使用"),
        NotUtf8OrGb => write!(out, "从此处起既不是 UTF-8 也不是 GB18030"),
        NotUtf8OrGbHelp => write!(out, "请另存为“CSV UTF-8”，不要存为 Unicode 文本或工作簿"),
        NoHeadings => write!(out, "台账是空的"),
        HeadingsHelp(needed) => write!(out, "第一行是表头；必须有 {}", needed.join("、")),
        UnknownColumn { heading } => write!(out, "不认识列“{heading}”"),
        KnownColumns { closest, known } => {
            if let Some(closest) = closest {
                write!(out, "是否想写 `{closest}`？")?;
            }
            write!(out, "可用：{}；以 `#` 开头的列会跳过", known.join(", "))
        }
        DuplicateColumn { heading, column } => write!(out, "“{heading}”与列 `{column}` 重复"),
        DuplicateColumnHelp => write!(out, "只保留一列，或把另一列的表头改为以 `#` 开头"),
        UnusedColumns(headings) => write!(out, "认识但不使用、也不保存的列：{}", some(headings)),
        UnusedColumnsHelp => write!(out, "删除这些列，或把表头改为以 `#` 开头；联系人信息不应放在这里"),
        MissingColumn { column } => write!(out, "缺少列 `{column}`"),
        RowLength { wanted, found } => write!(out, "此行有 {found} 格，表头有 {wanted} 格"),
        RowLengthHelp => write!(out, "含逗号的内容要加引号，引号要成对"),
        MissingField { column } => write!(out, "`{column}` 为空"),
        MissingFieldHelp => write!(out, "请填写，每一行都要有"),
        WrongField { column, found, expected } => {
            write!(out, "`{column}`：{}不是{}", found.say(Language::ZhCn), Noun(expected))
        }
        UnknownReference { column, name } => write!(out, "`{column}`：没有定义 `{name}`"),
        DuplicateCircuit { cid, first } => write!(out, "该运营商的电路 `{cid}` 已出现过，见 {first}"),
        DuplicateCircuitHelp => write!(out, "同一运营商的一条电路只写一行"),
        BandwidthsDiffer { bandwidth, commit } => write!(out, "此处速率为 {commit}，`bandwidth` 列为 {bandwidth}"),
        BandwidthsDifferHelp => write!(out, "两格留空一格"),
        BadAddress { address, reason } => write!(out, "`{address}` {}", bad_address(*reason)),
        BadAddressHelp(reason) => match reason {
            AddressFault::Prefix => write!(out, "去掉斜线及其后的部分"),
            AddressFault::Mapped => write!(out, "直接写 IPv4 地址"),
            _ => write!(out, "写一台主机的地址，例如 198.18.0.1 或 2001:2::1，或写主机名"),
        },
        SharedAddress { address, first } => write!(out, "远端地址 `{address}` 与另一条链路相同，见 {first}"),
        SharedAddressHelp => write!(out, "请核对两处；一次测量不能证明两条链路"),
        NotSynthetic { address } => write!(out, "台账声明 `synthetic: true`，而 `{address}` 不是虚构地址"),
        NotSyntheticHelp => {
            write!(out, "使用 198.18.0.0/15、2001:2::/48 或 .test 域名；真实链路须写 `synthetic: false`")
        }
        LoneGroup { group } => write!(out, "冗余组 `{group}` 只有这一条链路"),
        LoneGroupHelp => write!(out, "检查组名是否写错，或留空"),
        DependsOnHelp { closest: Some(closest) } => write!(out, "是否想写 `{closest}`？请按链路编号 `id` 填写"),
        DependsOnHelp { closest: None } => write!(out, "请按台账中的链路编号 `id` 填写"),
        DependsOnItself { links } => write!(out, "依赖关系成环：{}", links.join(" 依赖 ")),
        DependsOnItselfHelp => write!(out, "互为备份的链路之间没有依赖关系，请改用 `group`"),
        // ---- journal
        Journal(message) => message.zh_cn(out),
        // ---- ledger
        Ledger(message) => message.zh_cn(out),
        // ---- load
        CountsContradict { total, sum, clause } => {
            write!(out, "合同所印数量互相矛盾：各类相加为 {sum}，总数写 {total}（{clause}）")
        }
        CountsContradictHelp => write!(out, "请合同双方确认；此处不会因此改动任何数据"),
        CountDiffers { what, found, wanted, clause } => {
            write!(out, "{what}：台账有 {found} 条，合同文本应为 {wanted} 条（{clause}）")
        }
        CountDiffersHelp => write!(out, "补全台账；合同有变更时更正 `declared`"),
        NotMeasurable { links } => {
            write!(out, "{} 条链路在判定测点没有地址，永远不会判为正常：{}", links.len(), some(links))
        }
        NotMeasurableHelp => write!(out, "补上判定测点的地址（contract.yaml 的 `measuring_point`）"),
        OverLimit { what, rate, limit } => write!(out, "{what}：每秒计划探测 {rate} 次，上限为 {limit}"),
        OverLimitHelp => write!(out, "加长间隔或提高上限；超出部分计为未测量"),
        // ---- notify
        OutageSummary { simulated, network, scope, inferred, links } => {
            let extent = if *network { "全网中断" } else { "局部中断" };
            let inferred = if *inferred { "（推断）" } else { "" };
            write!(out, "{}{extent}：{}{inferred}，{links} 条线路", mark(*simulated), scope.say(Language::ZhCn))
        }
        ReportedSummary { mark, scope } => {
            write!(
                out,
                "{}有人报障，探测未见：{}",
                mark.map(Mark::as_str).unwrap_or_default(),
                scope.say(Language::ZhCn)
            )
        }
        IsolationSummary { simulated } => {
            write!(out, "{}疑似全网中断：本机连近处的见证点也收不到，无法判断", mark(*simulated))
        }
        OwnSummary { simulated, fault } if fault == "swap" => {
            write!(out, "{}设备更换时限将至或已超时：`linkpatrol device list`", mark(*simulated))
        }
        OwnSummary { simulated, fault } => write!(out, "{}链路巡检自身故障：{fault}", mark(*simulated)),
        IncidentDescription { began, response, restore, links, service } => {
            write!(out, "{began} 起。")?;
            if let Some(deadline) = response {
                write!(out, "响应时限 {deadline}。")?;
            }
            if let Some(deadline) = restore {
                write!(out, "恢复时限 {deadline}。")?;
            }
            match service {
                Some(url) => write!(out, "服务：{url}"),
                None => write!(out, "线路：{}", some(links)),
            }
        }
        Scope { kind, name } => match kind.as_str() {
            "link" => write!(out, "线路 {name}"),
            "group" => write!(out, "互备组 {name}"),
            "segment" => write!(out, "共路由 {name}"),
            "carrier" => write!(out, "运营商 {name}"),
            "unit" => write!(out, "单位 {name}"),
            "network" => write!(out, "全网"),
            "prober" if name == "swap" => write!(out, "设备更换"),
            "prober" => write!(out, "本机"),
            "service" => write!(out, "服务 {name}"),
            other => write!(out, "{other} {name}"),
        },
        // ---- once
        OnceSynthetic { inventory } => {
            write!(out, "台账 {inventory} 是虚构的：其中的地址均为杜撰，只有 `demo` 会测量它们")
        }
        OnceNoPoints { link } => write!(out, "{link} 没有测量点，无法探测"),
        OnceResolved { name, took } => write!(out, "{name} 解析用时 {}", milliseconds(*took)),
        OnceUnresolved { name, cause } => write!(out, "{name} 无法解析：{cause}"),
        OncePoint { role, address, source, interface, size, dscp, hop_limit, dont_fragment } => {
            role.map_or(Ok(()), |role| write!(out, "{role} "))?;
            write!(out, "{address}")?;
            source.map_or(Ok(()), |source| write!(out, "，源地址 {source}"))?;
            interface.as_ref().map_or(Ok(()), |interface| write!(out, "，接口 {interface}"))?;
            write!(out, "：{size} 字节，DSCP {dscp}，跳数限制 {hop_limit}")?;
            if *dont_fragment { write!(out, "，禁止分片") } else { Ok(()) }
        }
        OnceAnswered { rtt, hop_limit, clocks } => {
            write!(out, "往返时延 {}  跳数 {hop_limit}  ", milliseconds(*rtt))?;
            out.write_str(match clocks {
                Clocks::Kernel => "内核时间戳",
                Clocks::KernelReceive => "仅接收有内核时间戳",
                Clocks::User => "用户态时钟",
            })
        }
        OnceLost { after, explanation } => {
            write!(out, "{} 内无应答", milliseconds(*after))?;
            explanation.as_ref().map_or(Ok(()), |explanation| write!(out, "（{explanation}）"))
        }
        OnceUnmeasured(fault) => {
            write!(out, "未测量：")?;
            match fault {
                HostFault::NoRawSocketRight => {
                    write!(out, "无权打开原始套接字（请授予 CAP_NET_RAW，或放开 net.ipv4.ping_group_range）")
                }
                HostFault::NoAddress => write!(out, "没有地址"),
                HostFault::SendRefused(cause) => write!(out, "本机拒绝发送（{cause}）"),
                HostFault::InterfaceGone => write!(out, "接口或源地址不存在"),
                HostFault::ReceiveOverflow => write!(out, "接收缓冲区溢出"),
                HostFault::NextHopSilent => write!(out, "本机的下一跳无应答"),
                HostFault::Isolated => write!(out, "近处的见证点均无应答，可能是本机隔离"),
                HostFault::NoTime => write!(out, "本机未能按时发送"),
            }
        }
        OnceSummary { role, answered, lost, unmeasured, rtt } => {
            role.map_or(Ok(()), |role| write!(out, "{role}："))?;
            write!(out, "应答 {answered}，丢失 {lost}，未测量 {unmeasured}")?;
            let Some((rtts, ipdv)) = rtt else { return Ok(()) };
            let [least, mean, most] = rtts.map(milliseconds);
            write!(out, "；往返时延 最小 {least}，平均 {mean}，最大 {most}")?;
            ipdv.map_or(Ok(()), |ipdv| write!(out, "；相邻应答之差平均（RFC 3393）{}", milliseconds(ipdv)))
        }
        OnceAnswers => write!(out, "结论：有应答"),
        OnceSilent => write!(out, "结论：无应答"),
        OnceNotMeasured => write!(out, "结论：本机未能测量，不能说明线路状况"),
        // ---- page
        AcknowledgedBy => write!(out, "已响应"),
        AllLinks => write!(out, "全部线路"),
        Answered => write!(out, "应答"),
        AskUnit => write!(out, "先问单位供电"),
        AvailabilityBounds => write!(out, "可用率（下限 – 上限）"),
        AvailabilityMonth => write!(out, "考核期可用率"),
        Bandwidth => write!(out, "带宽"),
        Began => write!(out, "起始"),
        BudgetLeft => write!(out, "可中断余额"),
        CannotBeMeasured => write!(out, "无法测量"),
        CarrierName => write!(out, "运营商"),
        CircuitId => write!(out, "电路编号"),
        ConsecutiveLosses => write!(out, "连续丢失"),
        Decides => write!(out, "判定点"),
        Duplicates => write!(out, "重复应答"),
        Ends => write!(out, "两端"),
        ExporterOnlyBanner => write!(out, "仅导出指标：不记故障，不发通知"),
        GroupName => write!(out, "互备组"),
        Incidents => write!(out, "故障"),
        IsInferred => write!(out, "推断"),
        IsRestored => write!(out, "已恢复"),
        JitterName => write!(out, "抖动（RFC 3550 平滑）"),
        KindDarkFibre => write!(out, "裸光纤"),
        KindInternet => write!(out, "互联网"),
        KindName => write!(out, "类型"),
        KindPrivate => write!(out, "专线"),
        Lasts => write!(out, "历时"),
        LateReplies => write!(out, "迟到应答"),
        Left => write!(out, "剩"),
        Lifeline => write!(out, "生命线"),
        LinkName => write!(out, "线路"),
        Links => write!(out, "线路"),
        LinksDown => write!(out, "中断 / 线路"),
        LossMinute => write!(out, "1 分钟丢包"),
        LossName => write!(out, "丢包率"),
        Lost => write!(out, "丢失"),
        MeasuringPoint => write!(out, "测量点"),
        NeverVerified => write!(out, "从未应答"),
        NextPage => write!(out, "下一页"),
        NoIncidents => write!(out, "没有未结束的故障"),
        NotMeasured => write!(out, "未测到"),
        NotReadyBanner => write!(out, "本机不可依赖："),
        OverdueBy => write!(out, "超时"),
        PreviousPage => write!(out, "上一页"),
        ProductName => write!(out, "链路巡检"),
        Respond => write!(out, "响应"),
        Restore => write!(out, "恢复"),
        RttName => write!(out, "时延"),
        ScopeName => write!(out, "范围"),
        Search => write!(out, "查找"),
        SearchHint => write!(out, "编号、电路、单位、运营商、地点"),
        SharedRoutes => write!(out, "共路由"),
        SimulatedBanner => write!(out, "以下全部是模拟城市，不是真实线路"),
        Since => write!(out, "自"),
        StateDegraded => write!(out, "劣化"),
        StateDown => write!(out, "中断"),
        StateMaintenance => write!(out, "维护"),
        StateName => write!(out, "状态"),
        StateSuspended => write!(out, "停用"),
        StateAbsent => write!(out, "预期离线"),
        StateUnknown => write!(out, "未知"),
        StateUp => write!(out, "正常"),
        TierName => write!(out, "等级"),
        UnitName => write!(out, "单位"),
        WindowName => write!(out, "时段"),
        CoverageLine { measured, never_verified, not_measurable } => {
            write!(out, "覆盖：测到 {measured}，从未应答 {never_verified}，无法测量 {not_measurable}")
        }
        Found(count) => write!(out, "共 {count} 条"),
        StaleBanner(age) => write!(out, "数据已停滞 {age} 秒，以下不是现状"),
        Tier(level) => write!(out, "{level} 级"),
        // ---- profile
        NoProfiles => write!(out, "此处没有探测配置"),
        NoProfilesHelp => write!(out, "在 linkpatrol.yaml 中把 `probes:` 设为目录，每个 .yaml 文件一份探测配置"),
        DuplicateProfile { name, first } => write!(out, "探测配置 `{name}` 已有定义，见 {first}"),
        DuplicateProfileHelp => write!(out, "两个文件改名或删除一个"),
        ServedTwice { kind, role, first } => write!(out, "{kind} 链路的 `{role}` 测点已有配置，见 {first}"),
        ServedTwiceHelp => write!(out, "两处删除一处；个别链路用 `profile` 列另选配置"),
        NotServed { kind, role } => write!(out, "没有探测配置用于 {kind} 链路的 `{role}` 测点"),
        NotServedHelp { kind, role } => {
            write!(out, "在某份配置的 `serves` 中加 `- {{link_kind: {kind}, role: {role}}}`")
        }
        UnknownProfile { name } => write!(out, "没有文件定义探测配置 `{name}`"),
        UnusedProfile { name } => write!(out, "探测配置 `{name}` 没有用处"),
        UnusedProfileHelp => write!(out, "写明 `serves`，或在 `profile` 列引用它，或删除该文件"),
        IntervalTooShort { interval } => write!(out, "探测间隔 {} 太短", duration_text(*interval)),
        IntervalTooShortHelp { least } => write!(out, "不短于 {}", duration_text(*least)),
        IntervalNeedsReason { least } => {
            write!(out, "不短于 {}，否则在探测配置中写明原因：`reason: …`", duration_text(*least))
        }
        TimeoutZero => write!(out, "超时为零，收不到任何应答"),
        TimeoutTooLong { timeout, interval } => write!(
            out,
            "超时 {} 与间隔 {} 不相配：在途探测会超过十个",
            duration_text(*timeout),
            duration_text(*interval)
        ),
        TimeoutHelp { interval } => write!(out, "与间隔（{}）相同，或略大于最长时延", duration_text(*interval)),
        PayloadSize { size } => write!(out, "{size} 字节的载荷无法发送或无法识别"),
        PayloadSizeHelp { least, most } => write!(out, "使用 {least} 到 {most} 字节"),
        HopLimitZero => write!(out, "跳数限制为零，报文发不出去"),
        HopLimitZeroHelp => write!(out, "使用默认值 64"),
        NoConfirmProbes => write!(out, "没有确认探测，丢一个包就算中断"),
        NoConfirmProbesHelp => write!(out, "使用默认值 3"),
        ConfirmAfterTimeout { floor, timeout } => write!(
            out,
            "确认探测在 {} 后才开始，而探测在 {} 后已经超时",
            duration_text(*floor),
            duration_text(*timeout)
        ),
        ConfirmAfterTimeoutHelp => write!(out, "`confirm.floor` 应短于超时；默认 100ms"),
        ConfirmTrain { train, interval } => {
            write!(out, "确认探测共需 {}，超过十个间隔（{}）", duration_text(*train), duration_text(*interval))
        }
        ConfirmTrainHelp => write!(out, "减小 `confirm.spacing` 或 `confirm.probes`"),
        NoRestoreAnswers => write!(out, "零次应答不能证明恢复"),
        NoRestoreAnswersHelp => write!(out, "使用默认值 5"),
        SourceFamily { source, target } => write!(out, "源地址 {source} 到不了 {target}：一个是 IPv4，一个是 IPv6"),
        SourceFamilyHelp => write!(out, "使用与目标同族的源地址，或不写"),
        // ---- rule
        Rule(message) => message.write(Language::ZhCn, out),
        Warned(said) => said.zh_cn(out),
        Import(message) => message.zh_cn(out),
        Simulate(message) => message.zh_cn(out),
        // ---- serve
        SyntheticRefused { folder } => write!(
            out,
            "{folder} 是虚构台账（synthetic: true），serve 不对其拨测；请用 linkpatrol demo 演示，或换成真实台账并去掉该行"
        ),
        // ---- window
        Web(text) => text.zh_cn(out),
        Channel(message) => message.zh_cn(out),
        Window(message) => message.zh_cn(out),
        Desk(message) => message.zh_cn(out),
    }
}

struct Noun<'a>(&'a Expected);

impl std::fmt::Display for Noun<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self.0 {
            Expected::Text => write!(out, "文字"),
            Expected::TrueOrFalse => write!(out, " `true` 或 `false`"),
            Expected::WholeNumber { most } => write!(out, " 0 到 {most} 的整数"),
            Expected::List => write!(out, "列表"),
            Expected::Map => write!(out, "键值映射"),
            Expected::Duration => write!(out, "时长"),
            Expected::Percent => write!(out, "百分数"),
            Expected::BitRate => write!(out, "速率"),
            Expected::Date => write!(out, "日期"),
            Expected::Address => write!(out, " IP 地址"),
            Expected::SocketAddress => write!(out, "带端口的 IP 地址"),
            Expected::TimeZone => write!(out, "时区"),
            Expected::Span => write!(out, "时限"),
            Expected::Figure => write!(out, "适用于此处的数值"),
            Expected::Other(what) => write!(out, "可用的值：{what}"),
        }
    }
}

fn write_help(expected: &Expected, out: &mut Formatter<'_>) -> Result {
    match expected {
        Expected::Text => write!(out, "写文字；当作文字的数字要加引号：\"012\""),
        Expected::TrueOrFalse => write!(out, "写 `true` 或 `false`"),
        Expected::WholeNumber { most } => write!(out, "写 0 到 {most} 的整数"),
        Expected::List => write!(out, "写 `[甲, 乙]`，或每行一个 `- 项`"),
        Expected::Map => write!(out, "每行写一个 `键: 值`，比此键缩进更深"),
        Expected::Duration => write!(out, "写整数加单位：`500ms`、`5s`、`15m`、`2h` 或 `1d`"),
        Expected::Percent => write!(out, "写 0 到 100 的数（最多四位小数）加百分号：`99.9 %`"),
        Expected::BitRate => write!(out, "写速率和单位：`64k`、`100M`、`2.5G`"),
        Expected::Date => write!(out, "写年、月、日：`2025-06-01`"),
        Expected::Address => write!(out, "写 IPv4 或 IPv6 地址，例如 `198.18.0.1` 或 `2001:2::1`"),
        Expected::SocketAddress => write!(out, "写地址和端口，例如 `127.0.0.1:9815` 或 `[::1]:9815`"),
        Expected::TimeZone => write!(out, "写 IANA 时区名，例如 `Asia/Shanghai`"),
        Expected::Span => write!(out, "写 `2h` 这样的时长、`same day` 或 `15 working days`"),
        Expected::Figure => write!(out, "写时长 `50ms`、百分数 `99.9 %` 或整数"),
        Expected::Other(_) => write!(out, "对照随附示例"),
    }
}

fn bad_address(reason: AddressFault) -> &'static str {
    match reason {
        AddressFault::Malformed => "既不是 IP 地址也不是主机名",
        AddressFault::Prefix => "带有前缀长度",
        AddressFault::Unspecified => "是未指定地址，没有主机使用",
        AddressFault::Multicast => "是组播地址，不对应单一主机",
        AddressFault::Broadcast => "是广播地址，不对应单一主机",
        AddressFault::Reserved => "在保留地址段内，没有主机使用",
        AddressFault::LinkLocal => "是链路本地地址，没有接口就不能确定主机",
        AddressFault::Mapped => "是 IPv6 形式的 IPv4 地址",
    }
}

/// A place of a demo's story.
fn place(scope: &str, id: &str, links: usize) -> String {
    match scope {
        "link" => format!("链路 {id}"),
        "links" => format!("{links} 条链路"),
        "everything" => "全网".into(),
        _ => format!("{} {id}（{links} 条链路）", scope_word(scope)),
    }
}

fn scope_word(scope: &str) -> &'static str {
    match scope {
        "duct" => "管道",
        "segment" => "共享路由段",
        "carrier" => "运营商",
        "unit" => "单位",
        "site" => "网站",
        "proxy" => "反向代理",
        _ => "链路",
    }
}

/// A fault of a demo's story.
fn trouble(fault: &str, scope: &str) -> &'static str {
    match (fault, scope) {
        ("cut", "unit") => "断电",
        ("cut", _) => "中断",
        ("isolate", _) => "本端与全网隔离",
        ("flap", _) => "反复中断",
        ("loss", _) => "随机丢包",
        ("burst", _) => "突发丢包",
        ("delay", _) => "时延与抖动",
        ("duplicate", _) => "重复应答",
        ("reorder", _) => "应答乱序",
        ("late", _) => "应答迟到",
        ("corrupt", _) => "应答内容损坏",
        ("wrong_source", _) => "应答来源错误",
        ("hops", _) => "路径变长（TTL 变小）",
        _ => "控制面限速",
    }
}

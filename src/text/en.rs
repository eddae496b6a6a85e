//! English.

use std::fmt::{Formatter, Result};

use super::{AddressFault, Clocks, Expected, HostFault, Language, Mark, Message, Message::*, mark, milliseconds, some};
use crate::units::duration_text;

pub(super) fn write(message: &Message, out: &mut Formatter<'_>) -> Result {
    match message {
        // ---- check
        CheckedInventory { name, synthetic: true } => {
            write!(out, "inventory {name} (synthetic: names and addresses are invented)")
        }
        CheckedInventory { name, synthetic: false } => write!(out, "inventory {name}"),
        Reconciliation { clause } => {
            write!(out, "links by kind: in the ledger, and as the contract prints them ({clause})")
        }
        Inferred { inferred } => write!(out, "{inferred} inferred; not in the text"),
        Coverage { links, measurable } => write!(out, "{links} links: {measurable} measurable"),
        ExpectedLoad { points, per_second } => write!(out, "{points} points: {per_second:.1} probes per second"),
        ExpectedScrape { series, bytes } => write!(out, "/metrics: about {series} series, {bytes} bytes a scrape"),
        CheckedCounts { errors, warnings } => write!(out, "{errors} errors, {warnings} warnings"),
        // ---- config
        ListenNotLoopback { address } => {
            write!(out, "{address} is not a loopback address, and no users are configured")
        }
        ListenNotLoopbackHelp => {
            write!(
                out,
                "name users in a file (`web: {{config_file: web.yaml}}`, --web.config.file), open reading alone (`allow_anonymous_read`), or listen on 127.0.0.1:9815"
            )
        }
        DuplicateNameHelp => write!(out, "give each its own name"),
        BadUrl { url } => write!(out, "`{url}` is not the address of a receiver"),
        BadUrlHelp => write!(out, "write scheme and host, such as `http://127.0.0.1:9093`"),
        OutOfRange { key } => write!(out, "`{key}` is out of range"),
        OutOfRangeHelp { least, most } => write!(out, "use {least} to {most}"),
        // ---- contract
        FigureIsZero => write!(out, "a figure of nothing promises nothing"),
        FigureIsZeroHelp => write!(out, "write the figure of the contract, larger than zero"),
        FiguresOutOfOrder { smaller, larger } => write!(out, "`{smaller}` is beyond `{larger}`"),
        FiguresOutOfOrderHelp { smaller, larger } => {
            write!(out, "compare both with the contract; {smaller} comes before {larger}")
        }
        Contract(text) => text.write(super::Language::En, out),
        Duty(text) => text.write(super::Language::En, out),
        Service(text) => text.write(super::Language::En, out),
        Module(text) => text.write(super::Language::En, out),
        Page(text) => text.write(super::Language::En, out),
        Grafana(text) => text.write(super::Language::En, out),
        // ---- demo
        Simulated => write!(out, "【模拟】"),
        DemoNoSuchPlace { scope, id } => write!(out, "the inventory has no {scope} `{id}`"),
        DemoNoSuchPlaceHelp { known } => write!(out, "write `random` or one of: {}", some(known)),
        DemoNotSynthetic => write!(out, "a demo plays only with an inventory that is `synthetic: true`"),
        DemoNotSyntheticHelp => {
            write!(out, "leave out --config.file, or name the shipped inventory; real links are for `serve`")
        }
        DemoStarts { story, links, seed } => write!(out, "{story}: a city of {links} links, seed {seed}"),
        DemoLook { url } => write!(out, "look at   {url}/   {url}/metrics   {url}/api/v1/incidents"),
        DemoInside { namespace, device } => {
            write!(out, "inside    nsenter --net={namespace} tcpdump -ni {device} icmp or icmp6")
        }
        DemoFiles { folder } => write!(out, "truth and verdicts are written to {folder}"),
        DemoWithoutRight { cause } => {
            write!(out, "no network of our own ({cause}): the same story without packets, mode: simulated")
        }
        DemoRightWanted { cause } => write!(
            out,
            "no network of our own ({cause}): run as root, or allow a story without packets by --allow-simulated"
        ),
        DemoMeasured { measured } => write!(out, "{measured} links measured"),
        DemoTurn { begins, fault, scope, id, links } => {
            let (place, fault) = (place(scope, id, *links), trouble(fault, scope));
            if *begins { write!(out, "{place}: {fault}") } else { write!(out, "{place}: end of {fault}") }
        }
        DemoNoticed { links, delay } => {
            write!(out, "noticed: {links} links down, the first after {:.1} s", delay.as_secs_f64())
        }
        DemoGrouped { links } => write!(out, "grouped: one incident holds {links} links"),
        DemoIsolation => write!(out, "noticed: we cannot see the network any more"),
        DemoBack { links } => write!(out, "{links} links up again"),
        DemoStates { up, down, unknown, incidents } => {
            write!(out, "{up} up · {down} down · {unknown} unknown · {incidents} open incidents")
        }
        DemoOver => write!(out, "the story is over; the city goes on until Ctrl-C"),
        DemoScore { cuts, missed, false_alarms, detection } => {
            write!(out, "{cuts} cuts, {missed} missed, {false_alarms} false alarms")?;
            match detection {
                Some((p50, max)) => {
                    let (p50, max) = (p50.as_secs_f64(), max.as_secs_f64());
                    write!(out, ", noticed after {p50:.1} s (median), {max:.1} s at most")
                }
                None => Ok(()),
            }
        }
        // ---- diagnostic
        Help => write!(out, "help"),
        Error => write!(out, "error"),
        Warning => write!(out, "warning"),
        Unreadable { cause } => write!(out, "cannot be read: {cause}"),
        UnreadableHelp => write!(out, "check the path and that this user may read the file"),
        TooLarge { bytes } => write!(out, "has {bytes} bytes: this is not a file of linkpatrol"),
        TooLargeHelp { most } => write!(out, "at most {most} bytes are read"),
        TooDeep { most } => write!(out, "lists and maps are nested deeper than {most} levels"),
        TooDeepHelp => write!(out, "compare the indentation with the shipped example; a bracket may be open"),
        NotUtf8 => write!(out, "this byte is not UTF-8"),
        NotUtf8Help => write!(out, "save the file as UTF-8"),
        Syntax { cause } => write!(out, "syntax: {cause}"),
        SyntaxHelp => {
            write!(out, "check the indentation (spaces, no tabs), quotation marks and brackets here and one line above")
        }
        SecondDocument => write!(out, "a second document begins here"),
        SecondDocumentHelp => write!(out, "remove `---`; one file holds one document"),
        KeyNotText => write!(out, "a key must be plain text"),
        KeyNotTextHelp => write!(out, "write `key: value`"),
        AliasUnknown => write!(out, "the alias refers to an anchor that is not complete before it"),
        TooManyValues { most } => write!(out, "aliases repeat more than {most} values"),
        AliasHelp => write!(out, "write the values out instead of repeating them with `*`"),
        DuplicateKey { key, first } => write!(out, "`{key}` stands twice in this map, first in line {first}"),
        DuplicateKeyHelp => write!(out, "keep one of the two"),
        UnknownKey { key } => write!(out, "there is no key `{key}` here"),
        MissingKey { key } => write!(out, "`{key}` is missing"),
        MissingKeyHelp { key } => write!(out, "add `{key}:` with its value"),
        UnknownWord { word } => write!(out, "`{word}` is not one of the words allowed here"),
        Known { closest: Some(closest), known } => write!(out, "did you mean `{closest}`? Allowed: {}", some(known)),
        Known { closest: None, known } if known.is_empty() => write!(out, "none is defined"),
        Known { closest: None, known } => write!(out, "allowed: {}", some(known)),
        WrongValue { found, expected } => write!(out, "{} is not {}", found.say(Language::En), Noun(expected)),
        FoundText(text) => write!(out, "`{text}`"),
        FoundNothing => write!(out, "nothing"),
        FoundList => write!(out, "a list"),
        FoundMap => write!(out, "a map"),
        Write(expected) => write_help(expected, out),
        MoreFindings(more) => write!(out, "{more} more findings, from here on, are not shown"),
        MoreFindingsHelp => write!(out, "mend those above and check again"),
        // ---- explain
        NoSuchLink { link, closest } => {
            write!(out, "no link has the id or circuit id `{link}`")?;
            closest.as_ref().map_or(Ok(()), |closest| write!(out, "; did you mean `{closest}`?"))
        }
        ExplainLink { link } => write!(out, "link {link}"),
        ExplainPoint { role, target, deciding: true } => write!(out, "point {role} {target}: decides the state"),
        ExplainPoint { role, target, deciding: false } => write!(out, "point {role} {target}: localises"),
        ExplainContract => write!(out, "contract"),
        ByDefault => write!(out, "default"),
        // ---- incident
        ClockRuns => write!(out, "running"),
        ClockStopped { at } => write!(out, "stopped at {at}"),
        ClockName { clock, party } => match party.as_str() {
            "operator" => write!(out, "{clock}"),
            party => write!(out, "{clock} ({party})"),
        },
        CommandRefused { code, title } => write!(out, "{title} ({code})"),
        Corrects { entry } => write!(out, "corrects {entry}"),
        DaemonNotReached { url, reason } => write!(out, "{url} is not reached: {reason}"),
        Done => write!(out, "recorded"),
        // ---- inventory
        NoInventory => write!(out, "there is no inventory here: `inventory.yaml` is missing"),
        NoInventoryHelp => write!(out, "set `inventory:` in linkpatrol.yaml to a folder such as inventories/xuchang"),
        NoLinks => write!(out, "the ledger has no links"),
        NoLinksHelp => write!(out, "add one row per link below the headings"),
        BadId { id } => write!(out, "`{id}` cannot be an id"),
        BadIdHelp => {
            write!(out, "use 1 to 64 of A-Z a-z 0-9 . _ - : the id stands in labels, addresses of pages and file names")
        }
        DuplicateId { id, first } => write!(out, "`{id}` is taken already, at {first}"),
        DuplicateIdHelp => write!(out, "give each its own id; an id is never used again"),
        NotUtf8OrGb => write!(out, "the file is neither UTF-8 nor GB18030 from here on"),
        NotUtf8OrGbHelp => write!(out, "save it as `CSV UTF-8`, not as Unicode text or as a workbook"),
        NoHeadings => write!(out, "the ledger is empty"),
        HeadingsHelp(needed) => write!(out, "the first line holds the headings; needed are {}", needed.join(", ")),
        UnknownColumn { heading } => write!(out, "nobody knows the column `{heading}`"),
        KnownColumns { closest, known } => {
            if let Some(closest) = closest {
                write!(out, "did you mean `{closest}`? ")?;
            }
            write!(out, "known: {}; a heading that begins with `#` is passed over", known.join(", "))
        }
        DuplicateColumn { heading, column } => write!(out, "`{heading}` is the column `{column}` a second time"),
        DuplicateColumnHelp => write!(out, "keep one, or begin the other's heading with `#`"),
        UnusedColumns(headings) => write!(out, "known, but not used and not kept: {}", some(headings)),
        UnusedColumnsHelp => {
            write!(out, "remove them, or begin their headings with `#`; contact data does not belong here")
        }
        MissingColumn { column } => write!(out, "the column `{column}` is missing"),
        RowLength { wanted, found } => write!(out, "this row has {found} cells, the headings have {wanted}"),
        RowLengthHelp => write!(out, "put a cell with a comma in quotation marks; close every quotation mark"),
        MissingField { column } => write!(out, "`{column}` is empty"),
        MissingFieldHelp => write!(out, "fill it in; every row has one"),
        WrongField { column, found, expected } => {
            write!(out, "`{column}`: {} is not {}", found.say(Language::En), Noun(expected))
        }
        UnknownReference { column, name } => write!(out, "`{column}`: `{name}` is not defined"),
        DuplicateCircuit { cid, first } => write!(out, "the carrier's circuit `{cid}` is taken already, at {first}"),
        DuplicateCircuitHelp => write!(out, "each circuit of a carrier stands in one row"),
        BandwidthsDiffer { bandwidth, commit } => {
            write!(out, "the rate is {commit} here and {bandwidth} in `bandwidth`")
        }
        BandwidthsDifferHelp => write!(out, "leave one of the two cells empty"),
        BadAddress { address, reason } => write!(out, "`{address}` {}", bad_address(*reason)),
        BadAddressHelp(reason) => match reason {
            AddressFault::Prefix => write!(out, "leave out the slash and what follows"),
            AddressFault::Mapped => write!(out, "write the IPv4 address"),
            _ => write!(out, "write the address of one host, such as 198.18.0.1 or 2001:2::1, or its name"),
        },
        SharedAddress { address, first } => {
            write!(out, "the far end `{address}` is also that of another link, at {first}")
        }
        SharedAddressHelp => write!(out, "check both; one measurement cannot prove two links"),
        NotSynthetic { address } => {
            write!(out, "`{address}` is no synthetic address, but the inventory says `synthetic: true`")
        }
        NotSyntheticHelp => {
            write!(out, "use 198.18.0.0/15, 2001:2::/48 or names under .test; real links need `synthetic: false`")
        }
        LoneGroup { group } => write!(out, "the redundancy group `{group}` has only this link"),
        LoneGroupHelp => write!(out, "check its spelling, or leave the cell empty"),
        DependsOnHelp { closest: Some(closest) } => {
            write!(out, "did you mean `{closest}`? Links are named by their `id`")
        }
        DependsOnHelp { closest: None } => write!(out, "name links by their `id` in the ledger"),
        DependsOnItself { links } => write!(out, "these depend on themselves: {}", links.join(" on ")),
        DependsOnItselfHelp => {
            write!(out, "of two that stand in for each other neither depends on the other: use `group`")
        }
        // ---- journal
        Journal(message) => message.en(out),
        // ---- ledger
        Ledger(message) => message.en(out),
        // ---- load
        CountsContradict { total, sum, clause } => {
            write!(
                out,
                "the printed counts contradict each other: the kinds add up to {sum}, the total says {total} ({clause})"
            )
        }
        CountsContradictHelp => write!(out, "have the contract's parties settle it; nothing here is changed by it"),
        CountDiffers { what, found, wanted, clause } => {
            write!(out, "{what}: the ledger has {found} links, the contract's text asks for {wanted} ({clause})")
        }
        CountDiffersHelp => {
            write!(out, "complete the ledger, or correct `declared` when the contract has been changed")
        }
        NotMeasurable { links } => {
            write!(
                out,
                "without an address at the point that decides, and so never up: {} links ({})",
                links.len(),
                some(links)
            )
        }
        NotMeasurableHelp => {
            write!(out, "fill in the address of their measuring point (contract.yaml, `measuring_point`)")
        }
        OverLimit { what, rate, limit } => {
            write!(out, "{what}: {rate} probes a second are scheduled, the limit is {limit}")
        }
        OverLimitHelp => {
            write!(out, "lengthen the interval or raise the limit; what does not fit counts as unmeasured")
        }
        // ---- notify
        OutageSummary { simulated, network, scope, inferred, links } => {
            let extent = if *network { "whole-network outage" } else { "partial outage" };
            let inferred = if *inferred { " (inferred)" } else { "" };
            let plural = if *links == 1 { "" } else { "s" };
            write!(out, "{}{extent}: {}{inferred}, {links} link{plural}", mark(*simulated), scope.say(Language::En))
        }
        ReportedSummary { mark, scope } => {
            write!(
                out,
                "{}reported, not seen by probes: {}",
                mark.map(Mark::as_str).unwrap_or_default(),
                scope.say(Language::En)
            )
        }
        IsolationSummary { simulated } => {
            write!(
                out,
                "{}possible whole-network outage: our own witnesses are silent too, cannot tell",
                mark(*simulated)
            )
        }
        OwnSummary { simulated, fault } if fault == "swap" => {
            write!(out, "{}the swap of a device is due or overdue: `linkpatrol device list`", mark(*simulated))
        }
        OwnSummary { simulated, fault } => write!(out, "{}linkpatrol itself has a fault: {fault}", mark(*simulated)),
        IncidentDescription { began, response, restore, links, service } => {
            write!(out, "Since {began}.")?;
            if let Some(deadline) = response {
                write!(out, " Respond by {deadline}.")?;
            }
            if let Some(deadline) = restore {
                write!(out, " Restore by {deadline}.")?;
            }
            match service {
                Some(url) => write!(out, " Service: {url}"),
                None => write!(out, " Links: {}", some(links)),
            }
        }
        Scope { kind, name } => match kind.as_str() {
            "network" => write!(out, "whole network"),
            "prober" if name == "swap" => write!(out, "device swaps"),
            "prober" => write!(out, "this host"),
            "segment" => write!(out, "shared route {name}"),
            kind => write!(out, "{kind} {name}"),
        },
        // ---- once
        OnceSynthetic { inventory } => {
            write!(
                out,
                "the inventory {inventory} is synthetic: its addresses are invented, and only `demo` measures them"
            )
        }
        OnceNoPoints { link } => write!(out, "{link} has no measuring point: nothing of it can be probed"),
        OnceResolved { name, took } => write!(out, "{name} resolved in {}", milliseconds(*took)),
        OnceUnresolved { name, cause } => write!(out, "{name} cannot be resolved: {cause}"),
        OncePoint { role, address, source, interface, size, dscp, hop_limit, dont_fragment } => {
            role.map_or(Ok(()), |role| write!(out, "{role} "))?;
            write!(out, "{address}")?;
            source.map_or(Ok(()), |source| write!(out, " from {source}"))?;
            interface.as_ref().map_or(Ok(()), |interface| write!(out, " through {interface}"))?;
            write!(out, ": {size} bytes, DSCP {dscp}, hop limit {hop_limit}")?;
            if *dont_fragment { write!(out, ", don't fragment") } else { Ok(()) }
        }
        OnceAnswered { rtt, hop_limit, clocks } => {
            write!(out, "{}  hop limit {hop_limit}  ", milliseconds(*rtt))?;
            out.write_str(match clocks {
                Clocks::Kernel => "kernel timestamps",
                Clocks::KernelReceive => "kernel receive timestamp only",
                Clocks::User => "user-space clock",
            })
        }
        OnceLost { after, explanation } => {
            write!(out, "no answer within {}", milliseconds(*after))?;
            explanation.as_ref().map_or(Ok(()), |explanation| write!(out, " ({explanation})"))
        }
        OnceUnmeasured(fault) => {
            write!(out, "not measured: ")?;
            match fault {
                HostFault::NoRawSocketRight => {
                    write!(out, "no right to open a raw socket (grant CAP_NET_RAW, or open net.ipv4.ping_group_range)")
                }
                HostFault::NoAddress => write!(out, "no address"),
                HostFault::SendRefused(cause) => write!(out, "this host refused to send ({cause})"),
                HostFault::InterfaceGone => write!(out, "the interface or source address is not there"),
                HostFault::ReceiveOverflow => write!(out, "the receive buffer overflowed"),
                HostFault::NextHopSilent => write!(out, "the next hop from here is silent"),
                HostFault::Isolated => write!(out, "no witness near us answers: we may be isolated"),
                HostFault::NoTime => write!(out, "this host came too late to send it"),
            }
        }
        OnceSummary { role, answered, lost, unmeasured, rtt } => {
            role.map_or(Ok(()), |role| write!(out, "{role}: "))?;
            write!(out, "{answered} answered, {lost} lost, {unmeasured} not measured")?;
            let Some((rtts, ipdv)) = rtt else { return Ok(()) };
            let [least, mean, most] = rtts.map(milliseconds);
            write!(out, "; round-trip time least {least}, mean {mean}, most {most}")?;
            ipdv.map_or(Ok(()), |ipdv| {
                write!(out, "; mean difference of consecutive answers (RFC 3393) {}", milliseconds(ipdv))
            })
        }
        OnceAnswers => write!(out, "verdict: answers"),
        OnceSilent => write!(out, "verdict: does not answer"),
        OnceNotMeasured => write!(out, "verdict: could not be measured from here; says nothing about the link"),
        // ---- page
        AcknowledgedBy => write!(out, "acknowledged by"),
        AllLinks => write!(out, "all links"),
        Answered => write!(out, "answered"),
        AskUnit => write!(out, "ask the unit about power"),
        AvailabilityBounds => write!(out, "availability (bounds)"),
        AvailabilityMonth => write!(out, "availability"),
        Bandwidth => write!(out, "bandwidth"),
        Began => write!(out, "began"),
        BudgetLeft => write!(out, "down-time left"),
        CannotBeMeasured => write!(out, "not measurable"),
        CarrierName => write!(out, "carrier"),
        CircuitId => write!(out, "circuit id"),
        ConsecutiveLosses => write!(out, "consecutive losses"),
        Decides => write!(out, "decides"),
        Duplicates => write!(out, "duplicates"),
        Ends => write!(out, "ends"),
        ExporterOnlyBanner => write!(out, "exporter only: keeps no incidents and sends nothing"),
        GroupName => write!(out, "redundancy group"),
        Incidents => write!(out, "incidents"),
        IsInferred => write!(out, "inferred"),
        IsRestored => write!(out, "restored"),
        JitterName => write!(out, "jitter (RFC 3550, smoothed)"),
        KindDarkFibre => write!(out, "dark fibre"),
        KindInternet => write!(out, "internet"),
        KindName => write!(out, "kind"),
        KindPrivate => write!(out, "private line"),
        Lasts => write!(out, "for"),
        LateReplies => write!(out, "late"),
        Left => write!(out, "left"),
        Lifeline => write!(out, "lifeline"),
        LinkName => write!(out, "link"),
        Links => write!(out, "links"),
        LinksDown => write!(out, "down / links"),
        LossMinute => write!(out, "loss, 1 min"),
        LossName => write!(out, "loss"),
        Lost => write!(out, "lost"),
        MeasuringPoint => write!(out, "measuring point"),
        NeverVerified => write!(out, "never verified"),
        NextPage => write!(out, "next"),
        NoIncidents => write!(out, "no incident is open"),
        NotMeasured => write!(out, "not measured"),
        NotReadyBanner => write!(out, "not to be relied upon:"),
        OverdueBy => write!(out, "overdue by"),
        PreviousPage => write!(out, "previous"),
        ProductName => write!(out, "linkpatrol"),
        Respond => write!(out, "respond"),
        Restore => write!(out, "restore"),
        RttName => write!(out, "RTT"),
        ScopeName => write!(out, "scope"),
        Search => write!(out, "search"),
        SearchHint => write!(out, "id, circuit, unit, carrier, place"),
        SharedRoutes => write!(out, "shared routes"),
        SimulatedBanner => write!(out, "all of this is a simulated city, no real link"),
        Since => write!(out, "since"),
        StateDegraded => write!(out, "degraded"),
        StateDown => write!(out, "down"),
        StateMaintenance => write!(out, "maintenance"),
        StateName => write!(out, "state"),
        StateSuspended => write!(out, "suspended"),
        StateAbsent => write!(out, "expectedly off"),
        StateUnknown => write!(out, "unknown"),
        StateUp => write!(out, "up"),
        TierName => write!(out, "tier"),
        UnitName => write!(out, "unit"),
        WindowName => write!(out, "window"),
        CoverageLine { measured, never_verified, not_measurable } => write!(
            out,
            "coverage: {measured} measured, {never_verified} never verified, {not_measurable} not measurable"
        ),
        Found(count) => write!(out, "{count} found"),
        StaleBanner(age) => write!(out, "these figures are {age} seconds old: this is NOT the present"),
        Tier(level) => write!(out, "tier {level}"),
        // ---- profile
        NoProfiles => write!(out, "there is no profile here"),
        NoProfilesHelp => write!(out, "set `probes:` in linkpatrol.yaml to a folder with one .yaml file per profile"),
        DuplicateProfile { name, first } => write!(out, "the profile `{name}` is defined already, at {first}"),
        DuplicateProfileHelp => write!(out, "rename or remove one of the two files"),
        ServedTwice { kind, role, first } => {
            write!(out, "`{role}` points of {kind} links are served already, at {first}")
        }
        ServedTwiceHelp => {
            write!(out, "remove one of the two entries; a link chooses another profile by its `profile` column")
        }
        NotServed { kind, role } => write!(out, "no profile serves `{role}` points of {kind} links"),
        NotServedHelp { kind, role } => {
            write!(out, "add `- {{link_kind: {kind}, role: {role}}}` to `serves` of a profile")
        }
        UnknownProfile { name } => write!(out, "no file defines the profile `{name}`"),
        UnusedProfile { name } => write!(out, "nobody asks for the profile `{name}`"),
        UnusedProfileHelp => write!(out, "say whom it serves, name it in a `profile` column, or remove the file"),
        IntervalTooShort { interval } => write!(out, "an interval of {} is very short", duration_text(*interval)),
        IntervalTooShortHelp { least } => write!(out, "use {} or more", duration_text(*least)),
        IntervalNeedsReason { least } => {
            write!(out, "use {} or more, or say in the profile why not: `reason: …`", duration_text(*least))
        }
        TimeoutZero => write!(out, "a time-out of zero lets no answer arrive"),
        TimeoutTooLong { timeout, interval } => write!(
            out,
            "a time-out of {} cannot work at an interval of {}: more than ten probes would be on their way",
            duration_text(*timeout),
            duration_text(*interval)
        ),
        TimeoutHelp { interval } => {
            write!(out, "use the interval ({}) or a little more than the longest RTT", duration_text(*interval))
        }
        PayloadSize { size } => write!(out, "a payload of {size} bytes cannot be sent or recognised"),
        PayloadSizeHelp { least, most } => write!(out, "use {least} to {most} bytes"),
        HopLimitZero => write!(out, "with a hop limit of zero no packet leaves"),
        HopLimitZeroHelp => write!(out, "use 64, the default"),
        NoConfirmProbes => write!(out, "without confirm probes a single lost packet is an outage"),
        NoConfirmProbesHelp => write!(out, "use 3, the default"),
        ConfirmAfterTimeout { floor, timeout } => write!(
            out,
            "confirm probes would begin after {}, but the probe has timed out after {}",
            duration_text(*floor),
            duration_text(*timeout)
        ),
        ConfirmAfterTimeoutHelp => write!(out, "make `confirm.floor` shorter than the time-out; 100ms is the default"),
        ConfirmTrain { train, interval } => write!(
            out,
            "the confirm probes take {}, more than ten intervals of {}",
            duration_text(*train),
            duration_text(*interval)
        ),
        ConfirmTrainHelp => write!(out, "lower `confirm.spacing` or `confirm.probes`"),
        NoRestoreAnswers => write!(out, "zero answers prove no recovery"),
        NoRestoreAnswersHelp => write!(out, "use 5, the default"),
        SourceFamily { source, target } => {
            write!(out, "the source {source} cannot reach {target}: one is IPv4, one IPv6")
        }
        SourceFamilyHelp => write!(out, "use a source of the target's family, or none"),
        // ---- rule
        Rule(message) => message.write(Language::En, out),
        Warned(said) => said.en(out),
        Import(message) => message.en(out),
        Simulate(message) => message.en(out),
        // ---- serve
        SyntheticRefused { folder } => write!(
            out,
            "{folder} is invented (synthetic: true) and serve does not measure it; show it with linkpatrol demo, or put \
             your own ledger in its place and take that line out"
        ),
        // ---- window
        Web(text) => text.en(out),
        Channel(message) => message.en(out),
        Window(message) => message.en(out),
        Desk(message) => message.en(out),
    }
}

/// With its article: "is not a duration".
struct Noun<'a>(&'a Expected);

impl std::fmt::Display for Noun<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self.0 {
            Expected::Text => write!(out, "text"),
            Expected::TrueOrFalse => write!(out, "`true` or `false`"),
            Expected::WholeNumber { most } => write!(out, "a whole number from 0 to {most}"),
            Expected::List => write!(out, "a list"),
            Expected::Map => write!(out, "a map of keys and values"),
            Expected::Duration => write!(out, "a length of time"),
            Expected::Percent => write!(out, "a percentage"),
            Expected::BitRate => write!(out, "a bit rate"),
            Expected::Date => write!(out, "a date"),
            Expected::Address => write!(out, "an IP address"),
            Expected::SocketAddress => write!(out, "an IP address with a port"),
            Expected::TimeZone => write!(out, "a time zone"),
            Expected::Span => write!(out, "a limit of time"),
            Expected::Figure => write!(out, "a figure that fits here"),
            Expected::Other(what) => write!(out, "usable: {what}"),
        }
    }
}

fn write_help(expected: &Expected, out: &mut Formatter<'_>) -> Result {
    match expected {
        Expected::Text => write!(out, "write text; a number that is meant as text stands in quotation marks: \"012\""),
        Expected::TrueOrFalse => write!(out, "write `true` or `false`"),
        Expected::WholeNumber { most } => write!(out, "write a whole number from 0 to {most}"),
        Expected::List => write!(out, "write `[one, two]`, or one `- item` a line"),
        Expected::Map => write!(out, "write `key: value`, one a line, further in than this key"),
        Expected::Duration => write!(out, "write a whole number with its unit: `500ms`, `5s`, `15m`, `2h` or `1d`"),
        Expected::Percent => {
            write!(out, "write a number from 0 to 100 with at most four decimals and the sign: `99.9 %`")
        }
        Expected::BitRate => write!(out, "write the rate with its unit: `64k`, `100M`, `2.5G`"),
        Expected::Date => write!(out, "write year, month and day: `2025-06-01`"),
        Expected::Address => write!(out, "write an IPv4 or IPv6 address, such as `198.18.0.1` or `2001:2::1`"),
        Expected::SocketAddress => write!(out, "write address and port, such as `127.0.0.1:9815` or `[::1]:9815`"),
        Expected::TimeZone => write!(out, "write a name of the IANA data base, such as `Asia/Shanghai`"),
        Expected::Span => write!(out, "write a length of time such as `2h`, or `same day`, or `15 working days`"),
        Expected::Figure => write!(out, "write a length of time `50ms`, a share `99.9 %` or a whole number"),
        Expected::Other(_) => write!(out, "compare with the shipped example"),
    }
}

fn bad_address(reason: AddressFault) -> &'static str {
    match reason {
        AddressFault::Malformed => "is neither an IP address nor a host name",
        AddressFault::Prefix => "has a prefix length",
        AddressFault::Unspecified => "is the unspecified address, which nobody has",
        AddressFault::Multicast => "is a multicast address, which no single host has",
        AddressFault::Broadcast => "is the broadcast address, which no single host has",
        AddressFault::Reserved => "is in a reserved range, which no host has",
        AddressFault::LinkLocal => "is link-local, which without an interface names no single host",
        AddressFault::Mapped => "is an IPv4 address in IPv6 form",
    }
}

/// A place of a demo's story.
fn place(scope: &str, id: &str, links: usize) -> String {
    match scope {
        "link" => format!("link {id}"),
        "links" => format!("{links} links"),
        "everything" => "the whole network".into(),
        _ => format!("{scope} {id} ({links} links)"),
    }
}

/// A fault of a demo's story.
fn trouble(fault: &str, scope: &str) -> &'static str {
    match (fault, scope) {
        ("cut", "unit") => "power failure",
        ("cut", _) => "cut",
        ("isolate", _) => "we are isolated from it",
        ("flap", _) => "flapping",
        ("loss", _) => "random loss",
        ("burst", _) => "loss in bursts",
        ("delay", _) => "delay and jitter",
        ("duplicate", _) => "duplicate answers",
        ("reorder", _) => "answers out of order",
        ("late", _) => "late answers",
        ("corrupt", _) => "corrupted answers",
        ("wrong_source", _) => "answers from a wrong source",
        ("hops", _) => "a longer way (TTL)",
        _ => "a control plane that answers only so often",
    }
}

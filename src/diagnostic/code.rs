//! Every code that a finding can carry. Numbers are never reused; `docs/diagnostics.md` explains each.

use super::Code;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
            /// In order of number.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    // ---- 10: any file
    UNREADABLE = 1001;
    ENCODING = 1002;
    SYNTAX = 1003;
    DUPLICATE_KEY = 1004;
    UNKNOWN_KEY = 1005;
    MISSING_KEY = 1006;
    WRONG_VALUE = 1007;
    UNKNOWN_WORD = 1008;
    ALIAS = 1009;
    TOO_LARGE = 1010;
    MORE_FINDINGS = 1011;
    // ---- 11: linkpatrol.yaml
    LISTEN_NOT_LOOPBACK = 1101;
    DUPLICATE_NAME = 1102;
    BAD_URL = 1103;
    OUT_OF_RANGE = 1104;
    BAD_PASSWORD_HASH = 1105;
    NO_SUCH_USER = 1106;
    CLIENT_CERTIFICATES = 1107;
    CHANNEL_TRANSPORTS = 1108;
    NO_SUCH_CHANNEL = 1109;
    NOT_AN_OPERATOR = 1110;
    // ---- 12: the YAML files of an inventory
    NO_INVENTORY = 1201;
    DUPLICATE_ID = 1202;
    BAD_ID = 1203;
    // ---- 13: the ledger
    UNKNOWN_COLUMN = 1301;
    MISSING_COLUMN = 1302;
    DUPLICATE_COLUMN = 1303;
    UNUSED_COLUMN = 1304;
    ROW_LENGTH = 1305;
    MISSING_FIELD = 1306;
    WRONG_FIELD = 1307;
    BAD_LINK_ID = 1308;
    DUPLICATE_LINK_ID = 1309;
    DUPLICATE_CIRCUIT = 1310;
    UNKNOWN_REFERENCE = 1311;
    BAD_ADDRESS = 1312;
    SHARED_ADDRESS = 1313;
    NOT_SYNTHETIC = 1314;
    LONE_GROUP = 1315;
    NO_LINKS = 1316;
    CONFLICTING_FIELDS = 1317;
    DEPENDS_ON_ITSELF = 1318;
    // ---- 14: the contract
    FIGURE_OF_NOTHING = 1401;
    ORDER_OF_FIGURES = 1402;
    UNKNOWN_NAME = 1403;
    SWITCH_ANSWER = 1404;
    HOLIDAYS = 1405;
    CALENDAR = 1406;
    NO_LINKS_SECTION = 1407;
    LINK_TERMS = 1408;
    AMOUNT = 1409;
    NO_SUCH_CARRIER = 1410;
    YEAR_WITHOUT_HOLIDAYS = 1411;
    // ---- 15: probe profiles
    NO_PROFILES = 1501;
    DUPLICATE_PROFILE = 1502;
    SERVED_TWICE = 1503;
    NOT_SERVED = 1504;
    UNKNOWN_PROFILE = 1505;
    UNUSED_PROFILE = 1506;
    // ---- 16: effective measuring values
    TIMEOUT_CANNOT_WORK = 1601;
    INTERVAL_TOO_SHORT = 1602;
    PAYLOAD_SIZE = 1603;
    CONFIRM_CANNOT_WORK = 1604;
    RESTORE_CANNOT_WORK = 1605;
    SOURCE_FAMILY = 1606;
    OVER_LIMIT = 1607;
    // ---- 17: the inventory against the contract's text
    COUNTS_CONTRADICT = 1701;
    COUNT_DIFFERS = 1702;
    NOT_MEASURABLE = 1703;
    // ---- 18: the story of a simulated city
    NO_SUCH_PLACE = 1801;
    // ---- 19: rules
    RULE_SYNTAX = 1901;
    RULE_NAME = 1902;
    RULE_WORD = 1903;
    RULE_TYPE = 1904;
    RULE_NOT_AVAILABLE = 1905;
    RULE_TOO_LARGE = 1906;
    DUPLICATE_RULE = 1907;
    BAD_RULE_NAME = 1908;
    BAD_SERIES = 1909;
    // ---- 20: rounds and other duties
    ROUND_WITHOUT_PERIOD = 2001;
    ROUND_DATES = 2002;
    ROUND_FORM = 2003;
    ROSTER_SHIFT = 2004;
    ROSTER_OVERLAP = 2005;
    ROSTER_GAP = 2006;
    NO_SPARE = 2007;
    BAD_ADDRESS_OF_CONTACT = 2008;
    CONTACT_CHANNEL = 2009;
    // ---- 21: letters
    NO_SUCH_LETTER = 2101;
    BAD_LETTER = 2102;
    // ---- 24: module files of `/probe`
    MODULE_NOT_HONOURED = 2401;
    MODULE_VALUE = 2402;
    MODULE_TOGETHER = 2403;
    // ---- 25: files that are imported
    REUSED_ID = 2501;
    CELL_TEXT = 2502;
    SEVERAL_LEDGERS = 2503;
    LEDGER_IS_A_LINK = 2504;
    LEDGER_CHANGED = 2505;
    NOT_CARRIED = 2506;
    TARGETS_LINE = 2507;
    TARGET_TWICE = 2508;
    SERVICE_ID_TAKEN = 2509;
    NO_SERVICES_LIST = 2510;
    NO_MODULES_FILE = 2511;
    MODULE_LOST = 2512;
}

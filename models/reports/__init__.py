"""Reports on stock and sales: what they contain, who is sent them, and the daily sales that they are made of."""

from models.reports.charts import Figure, Words, figures_of
from models.reports.files import CSV_PAGE, SHEET_ROWS, csv_rows, file_name, workbook
from models.reports.kinds import Column, Kind
from models.reports.page import PAGE_LINES, POLICY, page_of_report, totals_of
from models.reports.reading import get_report, lines_after, select_reports
from models.reports.sales import (
    CONFIRMED,
    FIGURES,
    PORTION,
    SALES,
    fold,
    record_cancelled,
    record_cancelled_order,
    record_returned,
)
from models.reports.subscriptions import (
    PERMISSION,
    is_subscribed,
    list_subscriptions,
    set_subscriptions,
    start_due,
    start_mails,
    unsubscribe_all,
)
from models.reports.tables import SCHEDULES, DailySales, Line, Report, SalesChange, Subscription
from models.reports.writing import KINDS, Options, Scope, Slice, cut, discard, publish, write_slice

__all__ = [
    "CONFIRMED",
    "CSV_PAGE",
    "FIGURES",
    "KINDS",
    "PAGE_LINES",
    "PERMISSION",
    "POLICY",
    "PORTION",
    "SALES",
    "SCHEDULES",
    "SHEET_ROWS",
    "Column",
    "DailySales",
    "Figure",
    "Kind",
    "Line",
    "Options",
    "Report",
    "SalesChange",
    "Scope",
    "Slice",
    "Subscription",
    "Words",
    "csv_rows",
    "cut",
    "discard",
    "figures_of",
    "file_name",
    "fold",
    "get_report",
    "is_subscribed",
    "lines_after",
    "list_subscriptions",
    "page_of_report",
    "publish",
    "record_cancelled",
    "record_cancelled_order",
    "record_returned",
    "select_reports",
    "set_subscriptions",
    "start_due",
    "start_mails",
    "totals_of",
    "unsubscribe_all",
    "workbook",
    "write_slice",
]

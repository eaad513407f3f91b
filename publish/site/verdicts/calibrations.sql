-- One row per value stream and kind of work: how often the days held by which all open items of an
-- epic were forecast to be done with 85 %.
select
    value_stream_key as stream,
    workflow || '/' || level as work,
    count(*) as n,
    count(*) filter (is_hit) as hits
from metrics.metric_epic_backtests
where percentile = 85
group by 1, 2
order by stream, work

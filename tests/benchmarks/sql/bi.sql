-- Ten questions that a BI tool asks of the published file.

-- throughput per week and stream
select value_stream_key, date_trunc('week', last_done_at) as week, count(*) as items
from marts.fct_work_item_flows
inner join marts.dim_work_items using (work_item_key)
where is_current and outcome = 'done'
group by 1, 2 order by 1, 2;

-- flow time percentiles per stream and month
select
    value_stream_key, date_trunc('month', last_done_at) as month,
    quantile_disc(start_to_done_s, [0.5, 0.85, 0.95])
from marts.fct_work_item_flows
inner join marts.dim_work_items using (work_item_key)
where is_current and start_to_done_s is not null
group by 1, 2 order by 1, 2;

-- time in stage, of everything
select stage, count(*), sum(elapsed_s), quantile_disc(elapsed_s, 0.85)
from marts.fct_stage_visits group by 1 order by 3 desc;

-- where rework comes from
select from_stage, to_stage, count(*) from (
    select stage as to_stage, lag(stage) over (partition by work_item_key order by entered_at) as from_stage
    from marts.fct_stage_visits
) as steps group by 1, 2 order by 3 desc;

-- the oldest open items
select * from metrics.metric_aging_wip order by age_s desc limit 100;

-- cumulative flow of one stream, a year
select date_day, stage, sum(wip_by_stage) from metrics.metric_cumulative_flow
where value_stream_key = 'stream-03' and date_day >= date '2025-01-01' group by 1, 2 order by 1, 2;

-- the four keys of every service, by month
select * from metrics.metric_dora where period = 'month' order by service_key, period_start;

-- lead time of changes, by repository
select repository, count(*), quantile_disc(merge_to_deploy_s, 0.5), quantile_disc(coding_s, 0.85)
from marts.fct_changes group by 1 order by 2 desc;

-- the history of one item
select * from marts.fct_status_transitions where work_item_key = 'jira:100042' order by changed_at;

-- incidents and the deployments blamed for them
select service_key, method, count(*), avg(confidence)
from marts.fct_incidents inner join marts.bridge_incident_deployments using (work_item_key)
group by 1, 2 order by 3 desc;

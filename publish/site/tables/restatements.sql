-- One row per table, value and cause: how many values of the past the last publication has
-- otherwise, and the one among them that changed most.
select
    table_name as metric_table,
    value_name,
    replace(cause, '_', ' ') as cause,
    count(*) as restated_values,
    min(period_start) as first_period,
    max(period_start) as last_period,
    arg_max(period_start, change) as most_changed_period,
    arg_max(coalesce(old_value, 0), change) as old_value,
    arg_max(coalesce(new_value, 0), change) as new_value
from (
    select
        *,
        abs(coalesce(new_value, 0) - coalesce(old_value, 0)) as change
    from meta.restatements
)
where version_no = (select max(version_no) from meta.publications)
group by all
order by restated_values desc, metric_table, value_name

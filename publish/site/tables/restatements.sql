-- One row per table, value and cause: how many values of the past the last publication has
-- otherwise, and the one among them that changed most; a value that was not there before, or is not
-- any more, is empty.
select
    table_name as metric_table,
    value_name,
    replace(cause, '_', ' ') as cause,
    count(*) as restated_values,
    min(period_start) as first_period,
    max(period_start) as last_period,
    min(period_start) filter (where is_most) as most_changed_period,
    min(old_value) filter (where is_most) as old_value,
    min(new_value) filter (where is_most) as new_value
from (
    select
        *,
        row_number() over (
            partition by table_name, value_name, cause
            order by
                abs(coalesce(new_value, 0) - coalesce(old_value, 0)) desc, period_start, row_key
        ) = 1 as is_most
    from meta.restatements
    where version_no = (select max(version_no) from meta.publications)
)
group by all
order by restated_values desc, metric_table, value_name

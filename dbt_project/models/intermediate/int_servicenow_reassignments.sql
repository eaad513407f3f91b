with

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where field in ('assignment_group', 'reassignment_count') and changed_at <= {{ as_of() }}

),

fields_then as (

    select * from {{ ref('int_servicenow_fields_then') }}
    where field = 'reassignment_count'

),

-- Where the audit keeps the groups of a table, a record without a change of it has had none.
audited_tables as (

    select distinct tasks.table_name

    from tasks

    inner join audits
        on tasks.work_item_key = audits.work_item_key

    where audits.field = 'assignment_group'

),

history_checks as (

    select * from {{ ref('stg_servicenow__history_checks') }}
    where audit_count > 0

),

-- One update may change the group and count it.
updates as (

    select
        work_item_key,
        changed_at,
        coalesce(update_no, 0) as update_no,
        count(
            case
                when field = 'assignment_group' and from_value is distinct from to_value then 1
            end
        ) as changes,
        count(
            case
                when
                    field = 'assignment_group'
                    and from_value is null
                    and to_value is not null
                    then 1
            end
        ) as from_none,
        sum(
            case
                when field = 'reassignment_count'
                    then
                        {{ safe_cast_text('to_value', 'bigint') }}
                        - coalesce({{ safe_cast_text('from_value', 'bigint') }}, 0)
                else 0
            end
        ) as steps,
        count(case when field = 'reassignment_count' then 1 end) as counted

    from audits

    group by 1, 2, 3

),

summed as (

    select
        work_item_key,
        sum(changes) as changes,
        sum(from_none) as from_none,
        sum(counted) as counted,
        sum(case when steps > changes then steps - changes else 0 end) as counted_too_many,
        sum(case when steps < changes then changes - steps else 0 end) as not_counted

    from updates

    group by 1

),

counts as (

    select
        tasks.work_item_key,
        {{ safe_cast_text('fields_then.value', 'bigint') }} as source_count,
        case
            when history_checks.work_item_key is not null and audited_tables.table_name is not null
                then coalesce(summed.changes, 0)
            else {{ safe_cast_text('fields_then.value', 'bigint') }}
        end as reassignment_count,
        coalesce(summed.from_none, 0) as from_none,
        coalesce(summed.counted, 0) as counted,
        coalesce(summed.counted_too_many, 0) as counted_too_many,
        coalesce(summed.not_counted, 0) as not_counted

    from tasks

    left join fields_then
        on tasks.work_item_key = fields_then.work_item_key

    left join history_checks
        on tasks.work_item_key = history_checks.work_item_key

    left join audited_tables
        on tasks.table_name = audited_tables.table_name

    left join summed
        on tasks.work_item_key = summed.work_item_key

),

final as (

    select
        work_item_key,
        cast(reassignment_count as bigint) as reassignment_count,
        cast(source_count as bigint) as source_count,
        case
            when source_count = reassignment_count then null
            when
                counted > 0
                and source_count - reassignment_count = counted_too_many - not_counted
                then
                    case
                        when counted_too_many > 0 then 'counted_without_a_change_of_group'
                        else 'change_of_group_not_counted'
                    end
            when counted = 0 and reassignment_count - source_count between 1 and from_none
                then 'assignment_from_none_not_counted'
            when source_count <> reassignment_count then 'reassignments_differ_unexplained'
        end as reason

    from counts

)

select * from final

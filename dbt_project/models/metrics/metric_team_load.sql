with

teams as (

    select
        teams.team_key,
        teams.value_stream_key,
        value_streams.calendar,
        value_streams.time_zone

    from {{ ref('dim_teams') }} as teams

    inner join {{ ref('dim_value_streams') }} as value_streams
        on teams.value_stream_key = value_streams.value_stream_key

),

visits as (

    select
        items.team_key,
        items.workflow,
        items.level,
        visits.entered_at,
        visits.exited_at

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as items
        on visits.work_item_version_key = items.work_item_version_key

    where visits.flow_state = 'active' and items.team_key <> 'unassigned'

),

-- Who comes to an active stage is one more, who leaves it one less.
steps as (

    select
        team_key,
        workflow,
        level,
        entered_at as at_time,
        1 as change

    from visits

    union all

    select
        team_key,
        workflow,
        level,
        exited_at as at_time,
        -1 as change

    from visits

    where exited_at is not null

),

dated as (

    select
        steps.*,
        teams.time_zone,
        cast(
            date_trunc('week', {{ local_time('steps.at_time', 'teams.time_zone') }}) as date
        ) as week_start

    from steps

    inner join teams
        on steps.team_key = teams.team_key

),

-- What a step adds to the item-seconds of its own week: from it to the week's end, or to as_of.
-- A week of the value stream's has an hour less or more when its clocks are changed.
weighed as (

    select
        team_key,
        workflow,
        level,
        week_start,
        change,
        change * {{ seconds_between('at_time', 'least(' ~ utc_of_local(
            "cast(week_start + interval '7' day as timestamp)", 'time_zone'
        ) ~ ', ' ~ as_of() ~ ')') }} as item_s

    from dated

),

stepped as (

    select
        team_key,
        workflow,
        level,
        week_start,
        sum(change) as change,
        sum(item_s) as item_s

    from weighed

    group by 1, 2, 3, 4

),

spans as (

    select
        stepped.team_key,
        stepped.workflow,
        stepped.level,
        teams.time_zone,
        min(stepped.week_start) as first_week,
        cast(
            date_trunc(
                'week',
                {{ local_time(as_of() ~ " - interval '1' second", 'teams.time_zone') }}
            ) as date
        ) as last_week

    from stepped

    inner join teams
        on stepped.team_key = teams.team_key

    group by 1, 2, 3, 4

),

-- Weeks in which nobody came or went, too: work lies in them all the same. One that begins at as_of
-- has no second yet.
weeks as (

    select
        spans.team_key,
        spans.workflow,
        spans.level,
        each_week_day.week_day as week_start

    from spans

    {{ each_day('spans.first_week', 'spans.last_week', 'week_day') }}

    where extract(isodow from each_week_day.week_day) = 1

),

carried as (

    select
        weeks.team_key,
        weeks.workflow,
        weeks.level,
        weeks.week_start,
        coalesce(stepped.item_s, 0) as item_s,
        coalesce(
            sum(stepped.change) over (
                partition by weeks.team_key, weeks.workflow, weeks.level
                order by weeks.week_start
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as items_before

    from weeks

    left join stepped
        on
            weeks.team_key = stepped.team_key
            and weeks.workflow = stepped.workflow
            and weeks.level = stepped.level
            and weeks.week_start = stepped.week_start

),

placed as (

    select
        carried.*,
        teams.value_stream_key,
        teams.calendar,
        teams.time_zone,
        {{ utc_of_local('cast(carried.week_start as timestamp)', 'teams.time_zone') }}
            as begins_at,
        {{ utc_of_local(
            "cast(carried.week_start + interval '7' day as timestamp)", 'teams.time_zone'
        ) }} as ends_at

    from carried

    inner join teams
        on carried.team_key = teams.team_key

),

measured as (

    select
        *,
        {{ seconds_between('begins_at', 'least(ends_at, ' ~ as_of() ~ ')') }} as week_s,
        ends_at <= {{ as_of() }} as is_complete_period

    from placed

),

capacities as (

    select
        team_key,
        week_start,
        sum(available_hours) as available_hours

    from {{ ref('fct_team_capacities') }}

    group by 1, 2

),

-- What one person works in the week: its working hours, without its holidays.
hours as (

    select
        calendar,
        time_zone,
        cast(date_trunc('week', date_day) as date) as week_start,
        sum(open_s) as open_s

    from {{ ref('dim_calendars') }}

    group by 1, 2, 3

),

joined as (

    select
        measured.*,
        cast(measured.items_before * measured.week_s + measured.item_s as double)
        / measured.week_s as mean_active_items,
        capacities.available_hours,
        capacities.available_hours / nullif({{ hours_of('hours.open_s') }}, 0) as available_ftes

    from measured

    left join capacities
        on
            measured.team_key = capacities.team_key
            and measured.week_start = capacities.week_start

    left join hours
        on
            measured.calendar = hours.calendar
            and measured.time_zone = hours.time_zone
            and measured.week_start = hours.week_start

),

final as (

    select
        team_key || '|' || workflow || '|' || level || '|' || cast(week_start as varchar)
            as metric_team_load_key,
        team_key,
        value_stream_key,
        workflow,
        level,
        mean_active_items,
        available_hours,
        available_ftes,
        mean_active_items / nullif(available_ftes, 0) as items_per_fte,
        is_complete_period,
        week_start

    from joined

)

select * from final

with

teams as (

    select
        teams.team_key,
        teams.value_stream_key,
        value_streams.calendar,
        value_streams.time_zone,
        {{ local_time(as_of(), 'value_streams.time_zone') }} as today_at

    from {{ ref('dim_teams') }} as teams

    inner join {{ ref('dim_value_streams') }} as value_streams
        on teams.value_stream_key = value_streams.value_stream_key

),

visits as (

    select
        items.team_key,
        items.workflow,
        items.level,
        {{ local_time('visits.entered_at', 'teams.time_zone') }} as entered_at,
        {{ local_time('visits.exited_at', 'teams.time_zone') }} as exited_at

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as items
        on visits.work_item_version_key = items.work_item_version_key

    inner join teams
        on items.team_key = teams.team_key

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

-- What a step adds to the item-seconds of its own week: from it to the week's end, or to as_of.
weighed as (

    select
        steps.team_key,
        steps.workflow,
        steps.level,
        cast(date_trunc('week', steps.at_time) as date) as week_start,
        steps.change,
        steps.change * {{ seconds_between(
            'steps.at_time',
            "least(date_trunc('week', steps.at_time) + interval '7' day, teams.today_at)"
        ) }} as item_s

    from steps

    inner join teams
        on steps.team_key = teams.team_key

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
        min(stepped.week_start) as first_week,
        cast(date_trunc('week', max(teams.today_at) - interval '1' second) as date) as last_week

    from stepped

    inner join teams
        on stepped.team_key = teams.team_key

    group by 1, 2, 3

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

measured as (

    select
        carried.*,
        teams.value_stream_key,
        teams.calendar,
        teams.time_zone,
        {{ seconds_between(
            'cast(carried.week_start as timestamp)',
            "least(cast(carried.week_start + interval '7' day as timestamp), teams.today_at)"
        ) }} as week_s,
        carried.week_start + interval '7' day <= teams.today_at as is_complete_period

    from carried

    inner join teams
        on carried.team_key = teams.team_key

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
